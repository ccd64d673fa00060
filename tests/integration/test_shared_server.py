"""A server that the processes of a test run share is started once, and ends with the run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TESTS = """
import subprocess, time
from pathlib import Path
import pytest
from tests.support.shared_server import Shared, shared_server

def start(folder, guard):
    process = subprocess.Popen(["sleep", "10000"], start_new_session=True)
    (folder / "data").touch()
    guard(process.pid, str(folder))
    return Shared(folder, process.pid)

@pytest.mark.parametrize("number", [0, 1])
def test_the_server(number, request):
    shared = shared_server(request.config, "sleeper", start)
    Path("found").mkdir(exist_ok=True)
    Path("found", str(number)).write_text(f"{shared.port} {shared.folder}")
    until = Path("ended")
    while not until.exists():
        time.sleep(0.02)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGKILL], ids=str)
@pytest.mark.parametrize("processes", ["0", "2"])
def test_it_is_started_once_and_ends_with_the_run(
    tmp_path: Path, processes: str, how: signal.Signals | None
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").touch()
    found = tmp_path / "found"
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-n", processes, "--basetemp", tmp_path / "run"),
            *("-p", "tests.support.shared_server", "test_it.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    wanted = 2 if processes == "2" else 1  # a single process is in its first test
    _until(lambda: found.exists() and len(list(found.iterdir())) == wanted)
    [told] = {path.read_text() for path in found.iterdir()}
    pid, folder = told.split(" ", 1)
    assert Path(f"/proc/{pid}").exists()
    if how is None:
        (tmp_path / "ended").touch()
    else:
        run.send_signal(how)
    run.wait()
    _until(lambda: not Path(f"/proc/{pid}").exists() and not Path(folder).exists())


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
