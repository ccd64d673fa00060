"""Archives of prompt versions: written, forgotten, uploaded, and completed after a kill."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from smile_trace.trackers import ExplainedCall, Receipt, Skipped
from smile_trace_comet import CometArchiveTracker, sdk
from smile_trace_comet.contents import ROWS, VersionKey, merge_rows
from tests.support.comet_samples import (
    MARKER,
    OTHER,
    explained,
    forgotten,
    nested_trace,
    prompt_trace,
)
from tests.support.comet_server import comet_environment
from tests.support.fake_comet import FakeComet
from tests.support.forked import FORKS

PROJECT = "llm-general-prompts"


def archives(folder: Path) -> CometArchiveTracker:
    tracker = CometArchiveTracker.from_settings(
        {"directory": str(folder), "workspace": "my-team", "experiments_project": PROJECT}
    )
    assert tracker is not None
    return tracker


def messages(archive: Path) -> list[dict]:
    with zipfile.ZipFile(archive) as opened:
        return [json.loads(line) for line in opened.read("messages.json").splitlines()]


def test_an_archive_holds_the_version(comet_server: FakeComet, tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    tracker = archives(folder)
    traces = [prompt_trace(n, country=f"C{n}") for n in (1, 2)]
    assert not tracker.capabilities.traces
    for trace in traces:
        (receipt,) = tracker.deliver_explanations([explained(trace)])
        assert isinstance(receipt, Receipt)
    tracker.deliver_explanations([explained(traces[0])])
    (archive,) = folder.glob("*.zip")
    assert archive.stem == VersionKey("my-team", PROJECT, "capital", "2").key
    assert not list(folder.glob(".*"))
    sent = messages(archive)
    values = {
        m["payload"]["metric"]["metricName"]: m["payload"]["metric"]["metricValue"]
        for m in sent
        if m["type"] == "metric_msg"
    }
    assert values["smile.explained_calls"] == 2
    names = [
        m["payload"]["additional_params"]["fileName"] for m in sent if m["type"] == "file_upload"
    ]
    assert len(names) == len(set(names)) == 7
    (page,) = [m["payload"]["htmlOverride"] for m in sent if m["type"] == "htmlOverride"]
    assert "C1" in page
    assert "C2" in page
    with zipfile.ZipFile(archive) as opened:
        about = json.loads(opened.read("experiment.json"))
    assert about["project_name"] == PROJECT
    assert about["offline_id"] == archive.stem
    assert comet_server.requests == []


def test_a_call_without_a_prompt_is_in_no_archive(tmp_path: Path) -> None:
    (outcome,) = archives(tmp_path).deliver_explanations([explained(nested_trace(1))])
    assert isinstance(outcome, Skipped)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_comet_upload_brings_an_archive_in(comet_server: FakeComet, tmp_path: Path) -> None:
    tracker = archives(tmp_path)
    tracker.deliver_explanations([explained(prompt_trace(1))])
    (archive,) = tmp_path.glob("*.zip")
    for _ in range(2):  # uploaded again, it goes on in the same experiment
        done = subprocess.run(
            [Path(sys.executable).parent / "comet", "upload", archive],
            env=comet_environment(comet_server.url, str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
    (experiment,) = comet_server.experiments
    assert experiment.key == archive.stem
    assert experiment.parameters["prompt_version"] == "2"
    assert experiment.metrics["smile.fidelity_r2"][-1] == 0.8
    assert experiment.html.count('<div class="smile-trace">') == 1
    assert experiment.asset("calls.csv")
    assert "prompt-version" in experiment.tags


def test_an_unwritable_folder_makes_it_unavailable(tmp_path: Path) -> None:
    from smile_trace.trackers import TrackerUnavailable

    (tmp_path / "file").write_text("")
    tracker = archives(tmp_path / "file")
    with pytest.raises(TrackerUnavailable, match="write access"):
        tracker.deliver_explanations([explained(prompt_trace(1))])


def test_an_archive_is_made_anew_without_the_forgotten_call(tmp_path: Path) -> None:
    tracker = CometArchiveTracker.from_settings({"directory": str(tmp_path)})
    assert tracker is not None
    traces = [prompt_trace(1, country=MARKER), prompt_trace(2, country=OTHER)]
    tracker.deliver_explanations([explained(trace) for trace in traces])
    assert MARKER in everything(tmp_path)
    scratch = tmp_path / ".archive-of-a-killed-process"
    scratch.mkdir()
    (scratch / "messages.json").write_text(MARKER)
    for _ in range(2):
        [outcome] = tracker.forget([forgotten(traces[0])])
        assert isinstance(outcome, Receipt)
    left = everything(tmp_path)
    assert MARKER not in left
    assert traces[0].trace_id not in left
    assert OTHER in left
    tracker.forget([forgotten(traces[1])])
    assert list(tmp_path.iterdir()) == []


def everything(folder: Path) -> str:
    """What is in every file below a folder, and in its archives."""
    texts = []
    for path in folder.rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as opened:
                texts += [name + opened.read(name).decode() for name in opened.namelist()]
        elif path.is_file():
            texts.append(path.name + path.read_text())
    return "\n".join(texts)


WRITES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.move"}
MOST = 1000
"""More writes than two calls' archive takes."""
STEP = 7


def all_delivered(folder: Path, items: list[ExplainedCall]) -> bool:
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
    assert all_delivered(folder, items)


@pytest.mark.slow
def test_an_archive_is_completed_by_another_process(tmp_path: Path) -> None:
    first, second = (explained(prompt_trace(number)) for number in (1, 2))
    killed = 0
    for writes in range(0, MOST, STEP):
        folder = tmp_path / str(writes)
        assert all_delivered(folder, [first])
        process = FORKS.Process(target=deliver_until_killed, args=(folder, [first, second], writes))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        assert all_delivered(folder, [first, second])
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
