"""A forgotten trace is gone from Comet: its own experiment, the prompt versions, the archives."""

import zipfile
from pathlib import Path

import pytest

from smile_trace.records import Trace
from smile_trace.records.comparison import Example, VersionChange
from smile_trace.testing.samples import sample_comparison
from smile_trace.trackers import ComparedPrompt, ForgottenCall, ForgottenTrace, Receipt
from smile_trace_comet import CometArchiveTracker, CometTracker
from tests.support.comet_samples import captured, explained, prompt_trace
from tests.support.fake_comet import Experiment, FakeComet

MARKER, OTHER = "Zanzibar", "Peru"


def forgotten(trace: Trace, *models: str) -> ForgottenTrace:
    """What the worker knows of a trace that is to be deleted."""
    calls = [
        ForgottenCall(
            id=call.id,
            start_ns=call.start_ns,
            prompts=tuple((use.name, use.version) for use in call.prompts),
            models=models,
        )
        for call in trace.calls
    ]
    return ForgottenTrace(
        trace_id=trace.trace_id,
        start_ns=calls[0].start_ns,
        calls=tuple(calls),
        traced_as=trace.trace_id,
    )


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
