"""A process that writes Comet's archives is killed at any write: a later one completes them."""

import os
import signal
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from smile_trace.trackers import ExplainedCall, Receipt
from smile_trace_comet import CometArchiveTracker, sdk
from smile_trace_comet.versions import ROWS, merge_rows
from tests.support.comet_samples import explained, prompt_trace
from tests.support.forked import FORKS

WRITES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.move"}
MOST = 1000
"""More writes than two calls' archive takes."""
STEP = 7


def delivered(folder: Path, items: list[ExplainedCall]) -> bool:
    """Whether the archives took all of it."""
    tracker = CometArchiveTracker.from_settings({"directory": str(folder)})
    assert tracker is not None
    return all(isinstance(one, Receipt) for one in tracker.deliver_explanations(items))


def deliver_until_killed(folder: Path, items: list[ExplainedCall], writes: int) -> None:
    """In a process of its own: SIGKILL before the write after so many below the folder."""
    sdk.load()
    left = writes

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in WRITES or not str(arguments[0]).startswith(str(folder)):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    sys.addaudithook(hook)
    assert delivered(folder, items)


@pytest.mark.slow
def test_an_archive_is_completed_by_another_process(tmp_path: Path) -> None:
    first, second = (explained(prompt_trace(number)) for number in (1, 2))
    killed = 0
    for writes in range(0, MOST, STEP):
        folder = tmp_path / str(writes)
        assert delivered(folder, [first])
        process = FORKS.Process(target=deliver_until_killed, args=(folder, [first, second], writes))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        assert delivered(folder, [first, second])
        [archive] = folder.glob("*.zip")
        [rows] = folder.glob(f"*/{ROWS}")
        calls = [row.call for row in merge_rows(rows.read_bytes(), [])]
        assert calls == [first.call.id, second.call.id]
        with zipfile.ZipFile(archive) as opened:
            assert opened.testzip() is None
            assert "messages.json" in opened.namelist()
        assert list(folder.glob(".*")) == []
        if process.exitcode == 0:
            break
        killed += 1
    assert 0 < killed < MOST / STEP
