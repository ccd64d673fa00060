"""One experiment per prompt version, found again, kept up to date; and the same offline."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from smile_trace.trackers import Deferred, Receipt, Skipped
from smile_trace_comet import CometArchiveTracker, CometTracker
from smile_trace_comet.versions import LATEST, VersionKey
from tests.support.comet_samples import (
    TEMPLATE,
    captured,
    explained,
    nested_trace,
    prompt_trace,
)
from tests.support.comet_server import comet_environment
from tests.support.fake_comet import Experiment, FakeComet, Fault

PROJECT = "llm-general-prompts"


def by_version(server: FakeComet) -> dict[str, Experiment]:
    return {e.parameters["prompt_version"]: e for e in server.of_project(PROJECT)}


def test_a_version_collects_its_calls(comet_server: FakeComet, tracker: CometTracker) -> None:
    traces = [prompt_trace(n, version="1" if n < 3 else "2", country=f"C{n}") for n in range(1, 6)]
    tracker.deliver_traces(captured(*traces))
    for batch in (traces[:2], traces[2:4], traces[4:], traces[3:]):
        tracker.deliver_explanations([explained(trace) for trace in batch])
    versions = by_version(comet_server)
    assert sorted(versions) == ["1", "2"]
    second = versions["2"]
    assert second.key == VersionKey("my-team", PROJECT, "capital", "2").key
    assert second.others == {"Name": "capital v2", "prompt_template": TEMPLATE}
    assert second.parameters["model"] == "planted"
    assert second.metrics["smile.explained_calls"] == [2.0, 3.0]
    assert second.metrics["smile.target_calls"][-1] == 120
    assert second.metrics["smile.usd"][-1] == pytest.approx(0.006)
    assert second.metrics["smile.fidelity_r2"] == [0.8]
    assert second.asset("prompt.txt").decode() == TEMPLATE
    assert [row["call"] for row in json.loads(second.asset("calls.json"))] == sorted(
        trace.calls[0].id for trace in traces[2:]
    )
    assert sum(a.name.startswith("heatmaps/") for a in second.assets) == 3
    assert second.html.count('<div class="smile-trace">') == 3
    assert all(f"C{n}" in second.html for n in (3, 4, 5))
    assert not second.running


def test_the_html_panel_shows_the_newest(comet_server: FakeComet, tracker: CometTracker) -> None:
    count = LATEST + 3
    traces = [prompt_trace(n, country=f"Country-{n:02}") for n in range(1, count + 1)]
    tracker.deliver_traces(captured(*traces))
    items = [
        explained(trace, at=f"2026-11-25T00:00:{n:02}+00:00") for n, trace in enumerate(traces)
    ]
    tracker.deliver_explanations(items[-1:])
    tracker.deliver_explanations(items[:-1])
    (version,) = by_version(comet_server).values()
    assert version.html.count('<div class="smile-trace">') == LATEST
    assert "Country-13" in version.html
    assert "Country-03" not in version.html
    assert sum(asset.name.startswith("heatmaps/") for asset in version.assets) == count


def test_a_call_without_a_prompt_is_in_no_version(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = prompt_trace(1, **{"smile_trace.prompts": "[]"})  # type: ignore[arg-type]
    tracker.deliver_traces(captured(trace))
    (receipt,) = tracker.deliver_explanations([explained(trace)])
    assert isinstance(receipt, Receipt)
    assert by_version(comet_server) == {}


def test_an_llm_project_takes_no_experiments(comet_server: FakeComet) -> None:
    tracker = CometTracker.from_settings({"project": "one", "experiments_project": "one"})
    assert tracker is not None
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    (outcome,) = tracker.deliver_explanations([explained(trace)])
    assert isinstance(outcome, Deferred)
    assert "experiments_project" in outcome.reason
    (of_trace,) = comet_server.experiments
    assert "explained" in of_trace.tags
    tracker.close()


def test_a_server_that_fails_on_experiments_alone_gets_them_later(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    comet_server.faults = [Fault("answer", path="logger/add/run")]
    (outcome,) = tracker.deliver_explanations([explained(trace)])
    assert isinstance(outcome, Deferred)
    (receipt,) = tracker.deliver_explanations([explained(trace)])
    assert isinstance(receipt, Receipt)
    assert list(by_version(comet_server)) == ["2"]


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
