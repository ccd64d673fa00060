"""The spool: who may read it, when a new file begins, what happens where nothing can be written."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import smile_trace
from smile_trace.spool import Spool, read_losses, writer_alive
from smile_trace.spool.losses import Losses, temporary_folder
from tests.support.capture_fixtures import spool_files


def make_spool(folder: Path, *, file_limit: int = 10_000, spool_limit: int = 10**6) -> Spool:
    return Spool(folder, file_limit=file_limit, spool_limit=spool_limit)


def test_the_lock_shows_who_is_alive(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    spool.write(b"{}")
    [file] = spool_files(tmp_path)
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
    assert sorted((f.stat().st_size for f in spool_files(tmp_path)), reverse=True) == sizes
    alive = [writer_alive(file) for file in spool_files(tmp_path)]
    assert alive.count(True) == 1


def test_who_finds_the_file_begun_meanwhile_begins_no_other(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)

    @contextlib.contextmanager
    def after_a_handler() -> Iterator[None]:
        patched.undo()
        assert spool.write(b"from the handler")
        yield

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("smile_trace.spool.writer.handlers_wait", after_a_handler)
        assert spool.write(b"from the program")
    [file] = spool_files(tmp_path)
    assert file.read_bytes() == b"from the handler\nfrom the program\n"


def test_over_the_cap_the_newest_are_dropped_and_counted(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, spool_limit=5000)
    kept = [spool.write(f"{n:099}".encode()) for n in range(60)]
    assert kept == [True] * 50 + [False] * 10
    assert sum(spool.losses.by_reason.values()) == 10
    spool.close()
    [reason] = read_losses(tmp_path)
    assert "the spool is full" in reason
    assert read_losses(tmp_path)[reason] == 10
    lines = b"".join(file.read_bytes() for file in spool_files(tmp_path)).split()
    assert [int(line) for line in lines] == list(range(50))


def test_the_cap_looks_at_all_processes(tmp_path: Path) -> None:
    first, second = (make_spool(tmp_path, spool_limit=5000) for _ in range(2))
    assert first.write(b"x" * 4000)
    assert not second.write(b"y" * 2000)


def test_a_removed_folder_is_created_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = make_spool(folder)
    spool.write(b"before")
    shutil.rmtree(folder)
    assert spool.write(b"after")
    [file] = spool_files(folder)
    assert file.read_bytes() == b"after\n"
    assert writer_alive(file)


def test_a_reused_process_id_keeps_the_older_count(tmp_path: Path) -> None:
    for reason in ("first", "second", "second"):
        losses = Losses(tmp_path)  # the next process's, under the same id
        losses.add(reason)
    assert read_losses(tmp_path) == {"first": 1, "second": 2}


def test_losses_noted_in_both_folders_are_counted_once(tmp_path: Path, temporary: Path) -> None:
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


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="spool_limit must be positive"):
        smile_trace.configure(spool_limit=0)
    with pytest.raises(ValueError, match="is not a valid regular expression"):
        smile_trace.configure(redact=["("])
