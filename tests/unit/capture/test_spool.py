"""The spool: who may read it, when a new file begins, what happens where nothing can be kept."""

import json
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

import smile_trace
from smile_trace.capture import writer_alive
from smile_trace.capture.spool import Spool, read_losses
from smile_trace.capture.spool.losses import Losses, temporary_folder
from tests.support.application_process import run_application, spooled_calls


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test's processes alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # found anew, and again afterwards
    return folder


def make_spool(folder: Path, *, file_limit: int = 10_000, spool_limit: int = 10**6) -> Spool:
    return Spool(folder, file_limit=file_limit, spool_limit=spool_limit)


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    run_application("os.umask(0); ask('x')", tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700  # the store will stand in it
    assert stat.S_IMODE((tmp_path / "home" / "spool").stat().st_mode) == 0o700
    [file] = files(tmp_path / "home" / "spool")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_lock_shows_who_is_alive(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    spool.write(b"{}")
    [file] = files(tmp_path)
    assert writer_alive(file)
    assert writer_alive(file), "looking does not take the lock"
    spool.close()
    assert not writer_alive(file)
    assert not writer_alive(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        (1000, [1000] * 5),
        (901, [1000] * 5),  # the line that reaches the limit is the file's last
        (1100, [1100] * 4 + [600]),
        (1, [100] * 50),
        (5001, [5000]),
    ],
)
def test_a_full_file_is_followed_by_the_next(limit: int, sizes: list[int], tmp_path: Path) -> None:
    spool = make_spool(tmp_path, file_limit=limit)
    for _ in range(50):
        assert spool.write(b"x" * 99)
    assert sorted((f.stat().st_size for f in files(tmp_path)), reverse=True) == sizes
    alive = [writer_alive(file) for file in files(tmp_path)]
    assert alive.count(True) == 1


def test_over_the_cap_the_newest_are_dropped_and_counted(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, spool_limit=5000)
    kept = [spool.write(f"{n:099}".encode()) for n in range(60)]
    assert kept == [True] * 50 + [False] * 10
    assert sum(spool.losses.by_reason.values()) == 10
    spool.close()
    [reason] = read_losses(tmp_path)
    assert "the spool is full" in reason
    assert read_losses(tmp_path)[reason] == 10
    lines = b"".join(file.read_bytes() for file in files(tmp_path)).split()
    assert [int(line) for line in lines] == list(range(50))


def test_the_cap_looks_at_all_processes(tmp_path: Path) -> None:
    first, second = (make_spool(tmp_path, spool_limit=5000) for _ in range(2))
    assert first.write(b"x" * 4000)
    assert not second.write(b"y" * 2000)


def test_a_removed_folder_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = make_spool(folder)
    spool.write(b"before")
    shutil.rmtree(folder)
    assert spool.write(b"after")
    [file] = files(folder)
    assert file.read_bytes() == b"after\n"
    assert writer_alive(file)


def test_where_nothing_can_be_written_the_call_goes_on(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    done = run_application("print([ask(str(i)) for i in range(3)][-1])", tmp_path)
    assert done.stdout.strip() == "answer to 2"
    assert done.stderr.count("a record was lost") == 1
    losses = read_losses(tmp_path / "spool")
    assert sum(losses.values()) == 3
    assert len(list(temporary.glob("*/*.losses.json"))) == 1


def test_a_process_id_that_comes_back_keeps_the_older_count(tmp_path: Path) -> None:
    for reason in ("first", "second", "second"):
        losses = Losses(tmp_path)  # the next process's, under the same id
        losses.add(reason)
    assert read_losses(tmp_path) == {"first": 1, "second": 2}


def test_a_spool_that_comes_back_is_not_counted_twice(tmp_path: Path, temporary: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_text("a file where the folder should be")
    losses = Losses(spool)
    losses.add("disk")
    spool.unlink()
    losses.add("disk")
    losses.flush()
    assert [p.parent for p in sorted(tmp_path.rglob("*.losses.json"))] == [
        spool,
        temporary_folder(),
    ]
    assert temporary_folder().parent == temporary
    assert read_losses(spool) == {"disk": 2}


def test_a_full_disk_tears_one_line_at_most(tmp_path: Path) -> None:
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
    lines = b"".join(file.read_bytes() for file in files(tmp_path / "spool")).splitlines()
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


def test_where_every_disk_is_full_the_call_goes_on(tmp_path: Path) -> None:
    done = run_application(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        answers = [ask(str(i)) for i in range(3)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        print(answers[-1])
        """,
        tmp_path,
    )
    assert done.stdout.strip() == "answer to 2", done.stderr
    assert done.stderr.count("\n") == done.stderr.count("a record was lost") == 1
    assert sum(read_losses(tmp_path / "spool").values()) == 3


@pytest.mark.parametrize("hours", [-48, 48])
def test_a_moved_clock_does_no_harm(hours: int, tmp_path: Path) -> None:
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
    assert len(files(tmp_path / "spool")) > 5


def test_the_switch_in_the_environment(tmp_path: Path) -> None:
    run_application("ask('x')", tmp_path, {"SMILE_TRACE_DISABLED": "1"})
    assert not (tmp_path / "spool").exists()


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="spool_limit must be positive"):
        smile_trace.configure(spool_limit=0)
    with pytest.raises(ValueError, match="is no regular expression"):
        smile_trace.configure(redact=["("])
