"""A disk that takes nothing: what an application does, and a worker.

Real ones are small disks of the test's own, which root can mount. Of one that takes nothing for a
while the limit on the size of files (RLIMIT_FSIZE) is another form: it can be set from outside
while the worker runs, and stops every write of the process to every file.
"""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.spool import read_losses
from smile_trace.store import Store
from tests.support.application_process import run_application, spooled_calls
from tests.support.command_line import run_command
from tests.support.fake_tracker import FolderTracker
from tests.support.limited_worker import LimitedWorker
from tests.support.planted import PlantedServer
from tests.support.worker_settings import (
    capture,
    requests_sent,
    slow_answer,
    wait_for,
)

MEGABYTES = 24


def mount(*options: str) -> None:
    """Run `mount`, or skip where it is not allowed."""
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk to its last byte; gives the file that does."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as stream:
        while stream.write(b"x" * 4096):
            pass
    return filler


@pytest.mark.slow
def test_an_application_on_a_full_disk_goes_on_and_counts(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while it calls."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    body = """
    text = "x" * 200_000
    for i in range(80): assert ask(text) == "answer to " + text
    """
    done = run_application(body, disk / "home", {"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) < 20
    lost = sum(read_losses(disk / "home" / "spool").values())
    assert lost > 0
    assert len(spooled_calls(disk / "home")) + lost == 80


def test_an_application_on_a_read_only_disk_goes_on_and_counts(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (disk / "home").mkdir(mode=0o700)
    mount("-o", "remount,ro", str(disk))
    body = "for i in range(50): assert ask(str(i)) == f'answer to {i}'"
    done = run_application(body, disk / "home", {"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    assert read_losses(disk / "home" / "spool") == {
        "the spool cannot be written: Read-only file system": 50
    }


@pytest.mark.slow
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_worker_says_what_is_wrong_and_ends(state: str, disk: Path) -> None:
    home = disk / "home"
    home.mkdir(mode=0o700)
    if state == "full":
        fill(disk)
    else:
        mount("-o", "remount,ro", str(disk))
    env = {**os.environ, "SMILE_TRACE_HOME": str(home)}
    done = run_command("worker", "--once", cwd=disk, env=env)
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert said.startswith("smile-trace: "), said


@pytest.mark.slow
def test_a_worker_waits_while_its_disk_is_full_and_goes_on_by_itself(
    settings: Settings, server: PlantedServer
) -> None:
    server.function = slow_answer
    worker = LimitedWorker(settings.home, server.base_url)
    try:
        capture(settings, 1, 2, 3)
        wait_for(lambda: len(server.bodies) >= 8, 300)
        with worker.full_disk():
            wait_for(lambda: worker.said("everything waits"))
            capture(settings, 4)
            asked = len(server.bodies)
            threading.Event().wait(1.0)
            assert len(server.bodies) <= asked + 2  # nothing is asked that could not be kept
        tracker = FolderTracker(settings.home / "tracker")
        wait_for(lambda: len(tracker.visible("explanation")) == 4, 300)
    finally:
        code = worker.stop()
    assert code == 0
    assert max(requests_sent(server).values()) == 1, "an answer that had come was paid for twice"
    assert worker.said("everything waits, and continues when it is back") == 1, worker.log
    assert worker.said("the store can be written again") == 1, worker.log
    assert not worker.said("Traceback")
    with Store.open(settings) as store:
        status = store.status()
    assert (status.explained, status.failed) == (4, 0)
    assert status.spent.calls == len(server.bodies)
