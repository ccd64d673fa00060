"""One experiment per prompt version: found again, kept up to date, and forgotten."""

import json

import pytest

from smile_trace.records import Cost
from smile_trace.records.comparison import Example, VersionChange
from smile_trace.trackers import ComparedPrompt, Deferred, Receipt
from smile_trace_comet import CometTracker
from smile_trace_comet.contents import LATEST, VersionKey
from smile_trace_contracts.samples import sample_comparison
from tests.support.comet_samples import (
    MARKER,
    OTHER,
    TEMPLATE,
    captured,
    explained,
    forgotten,
    prompt_trace,
)
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


def test_a_price_that_is_not_known_is_no_metric(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = prompt_trace(1, version="1", country="Chad")
    item = explained(trace)
    unpriced = item.explanation.model_copy(update={"cost": Cost(target_calls=40)})
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([item.model_copy(update={"explanation": unpriced})])
    metrics = by_version(comet_server)["1"].metrics
    assert metrics["smile.target_calls"] == [40]
    assert "smile.usd" not in metrics


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


def text_of(experiment: Experiment) -> str:
    return str(experiment.__dict__)


def test_a_version_goes_on_without_the_forgotten_call(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    traces = [prompt_trace(1, country=MARKER), prompt_trace(2, country=OTHER)]
    tracker.deliver_traces(captured(*traces))
    tracker.deliver_explanations([explained(trace) for trace in traces])
    assert sum(MARKER in text_of(experiment) for experiment in comet_server.experiments) == 2
    for _ in range(2):
        [outcome] = tracker.forget([forgotten(traces[0])])
        assert isinstance(outcome, Receipt)
    assert not any(MARKER in text_of(experiment) for experiment in comet_server.experiments)
    [left, version] = comet_server.experiments
    assert left.key == traces[1].trace_id
    assert OTHER in version.html
    assert traces[0].calls[0].id not in text_of(version)
    assert version.metrics["smile.explained_calls"] == [2.0, 1.0]
    assert [a.name for a in version.assets if a.name.startswith("heatmaps/")] == [
        f"heatmaps/{traces[1].calls[0].id.replace(':', '-')}.html"
    ]


def test_a_version_without_calls_goes_too(comet_server: FakeComet, tracker: CometTracker) -> None:
    trace = prompt_trace(1, country=MARKER)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace)])
    tracker.forget([forgotten(trace)])
    assert comet_server.experiments == []


@pytest.mark.parametrize("models", [False, True], ids=["one model", "two models"])
def test_comparisons_of_its_prompt_go_in_every_version(
    comet_server: FakeComet, tracker: CometTracker, models: bool
) -> None:
    sample = sample_comparison("capital")
    labels = ("2 · planted", "2 · other") if models else ("2", "3")
    versions = [
        version.model_copy(update={"label": label, "version": label.partition(" ")[0]})
        for version, label in zip(sample.versions, labels, strict=False)
    ]
    example = Example(variables={"country": MARKER}, before="a", after="b", distance=0.5)
    change = VersionChange(before=0, after=1, examples=(example,))
    update = {"versions": tuple(versions), "changes": (change,)}
    comparison = sample.model_copy(update=update)
    assert len(versions) == 2
    tracker.deliver_comparison(ComparedPrompt(comparison=comparison))
    assert sum(MARKER in text_of(experiment) for experiment in comet_server.experiments) == 2
    tracker.forget([forgotten(prompt_trace(1, country=MARKER), "planted")])
    assert not any(MARKER in text_of(experiment) for experiment in comet_server.experiments)
