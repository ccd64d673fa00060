"""The spool of applications in processes of their own: permissions, full disks, moved clocks."""

import json
import stat
from pathlib import Path

import pytest

from smile_trace.spool import read_losses
from tests.support.application_process import run_application, spooled_calls
from tests.support.capture_fixtures import spool_files


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    run_application("os.umask(0); ask('x')", tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700  # the store will be in it
    assert stat.S_IMODE((tmp_path / "home" / "spool").stat().st_mode) == 0o700
    [file] = spool_files(tmp_path / "home" / "spool")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_unwritable_spool_does_not_affect_the_call(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    done = run_application("print([ask(str(i)) for i in range(3)][-1])", tmp_path)
    assert done.stdout.strip() == "answer to 2"
    assert done.stderr.count("a record was lost") == 1
    losses = read_losses(tmp_path / "spool")
    assert sum(losses.values()) == 3
    assert len(list(temporary.glob("*/*.losses.json"))) == 1


def test_a_full_disk_truncates_one_line_at_most(tmp_path: Path) -> None:
    done = run_application(
        """
        import resource
        ask("before")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
        for i in range(5): ask("during")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        ask("after")
        print("alive")
        """,
        tmp_path,
    )
    assert done.stdout.strip() == "alive", done.stderr
    lines = b"".join(file.read_bytes() for file in spool_files(tmp_path / "spool")).splitlines()
    whole = []
    for line in lines:
        try:
            whole.append(json.loads(line))
        except ValueError:
            continue
    assert len(lines) - len(whole) <= 1
    text = json.dumps(whole)
    assert "before" in text
    assert "after" in text
    lost = sum(read_losses(tmp_path / "spool").values())
    assert lost == 7 - len(whole)


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-48, 48])
def test_an_adjusted_clock_has_no_effect(hours: int, tmp_path: Path) -> None:
    run_application(
        f"""
        real = time.time_ns
        @smile_trace.trace
        def moved(prompt):
            time.time_ns = lambda: real() + {hours} * 3_600_000_000_000
            time.sleep(0.01)
            return "x"
        moved("x"); ask("y")
        """,
        tmp_path,
    )
    calls = spooled_calls(tmp_path)
    assert len(calls) == 2
    assert 10**7 <= calls[0].end_ns - calls[0].start_ns < 10**10


@pytest.mark.slow
def test_many_processes_lose_nothing(tmp_path: Path) -> None:
    done = run_application(
        """
        for n in range(8):
            if os.fork() == 0:
                for i in range(2000): ask(f"{n}-{i}")
                os._exit(0)
        for n in range(8): os.wait()
        """,
        tmp_path,
        {"SMILE_TRACE_SPOOL_FILE_LIMIT": "100000"},
    )
    assert done.returncode == 0, done.stderr
    prompts = [call.messages[0].content for call in spooled_calls(tmp_path)]
    assert len(prompts) == len(set(prompts)) == 16_000


@pytest.mark.slow
def test_rotation_between_threads_loses_nothing(tmp_path: Path) -> None:
    done = run_application(
        """
        def work(n):
            for i in range(300): ask(f"{n}-{i}")
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """,
        tmp_path,
        {"SMILE_TRACE_SPOOL_FILE_LIMIT": "5000"},
    )
    assert done.returncode == 0, done.stderr
    prompts = [call.messages[0].content for call in spooled_calls(tmp_path)]
    assert len(prompts) == len(set(prompts)) == 1800
    # Who does not open the next file writes on in the old one: how many there are is the
    # scheduler's affair, that there were changes under running writers is ours.
    assert len(spool_files(tmp_path / "spool")) > 5
