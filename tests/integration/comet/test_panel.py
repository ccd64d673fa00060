"""Comet's Python panel, with the real comet_ml against the fake server and a fake Streamlit."""

import runpy
from pathlib import Path

import pytest

from smile_trace.trackers import ExplainedPath
from smile_trace_comet import CometTracker, sdk
from tests.support.comet_samples import captured, explained, nested_trace, prompt_trace
from tests.support.fake_comet import FakeComet
from tests.support.fake_streamlit import FakeStreamlit, streamlit
from tests.support.sample_paths import sample_path

PANEL = Path(__file__).parents[3] / "integrations" / "smile_trace_comet" / "panel.py"
TRACE, PAGE = "Trace or prompt version", "Page"


def look(
    server: FakeComet,
    monkeypatch: pytest.MonkeyPatch,
    project: str,
    trace: str = "",
    page: str = "",
) -> FakeStreamlit:
    """What a person sees who opens the panel in a project, and chooses."""
    keys = [one.key for one in server.of_project(project)]
    config = type(sdk.load().comet_ml.get_config())
    monkeypatch.setattr(config, "_get_override", lambda _: {"COMET_EXPERIMENT_KEYS": keys})
    with streamlit(monkeypatch) as seen:
        seen.choices = {TRACE: trace, PAGE: page}
        runpy.run_path(str(PANEL))
    return seen


def test_the_pages_of_traces_and_of_versions(
    comet_server: FakeComet, tracker: CometTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained_trace, other = nested_trace(1), prompt_trace(2)
    tracker.deliver_traces(captured(explained_trace, other))
    tracker.deliver_explanations([explained(explained_trace, 0)])
    path = sample_path().model_copy(update={"trace_id": explained_trace.trace_id})
    key = explained_trace.trace_id
    tracker.deliver_paths([ExplainedPath(trace=explained_trace, path=path, traced_as=key)])

    seen = look(comet_server, monkeypatch, "llm-general", key)
    span = explained_trace.calls[0].span_id
    assert seen.offered[PAGE] == ["Where did this come from?", f"Heatmap of {span}"]
    assert path.summary in seen.shown[0]
    [page] = look(comet_server, monkeypatch, "llm-general", key, f"Heatmap of {span}").shown
    [experiment] = comet_server.of_key(key)
    assert page == experiment.asset(f"{span}/heatmap.html").decode()

    none = look(comet_server, monkeypatch, "llm-general", other.trace_id)
    assert (none.shown, none.said) == ([], ["This one is not explained yet."])

    tracker.deliver_explanations([explained(other)])
    versions = look(comet_server, monkeypatch, "llm-general-prompts")
    assert versions.offered[PAGE][0].startswith("Heatmap of ")
    assert len(versions.shown) == 1


def test_a_project_without_anything(
    comet_server: FakeComet, tracker: CometTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.deliver_traces(captured(prompt_trace(1)))
    seen = look(comet_server, monkeypatch, "another")
    assert seen.said == ["Nothing has been delivered to this project yet."]
