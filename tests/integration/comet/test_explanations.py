"""Explanations are attached to their traces, each once, and shown by Comet's panel."""

import csv
import io
import json
import runpy
from pathlib import Path

import pytest

from smile_trace.records import Explanation
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile
from smile_trace.trackers import ExplainedPath, ProfiledCall, Receipt, Rejected, TrackerUnavailable
from smile_trace_comet import CometTracker, sdk
from smile_trace_contracts.samples import sample_profile
from tests.support.browser import WatchedPage
from tests.support.comet_samples import captured, explained, nested_trace, prompt_trace, score
from tests.support.fake_comet import Experiment, FakeComet, Fault, KnownIds
from tests.support.fake_streamlit import FakeStreamlit, streamlit
from tests.support.sample_paths import sample_path
from tests.support.spooled import span_id, trace_id


def experiment_of(server: FakeComet, key: str) -> Experiment:
    (experiment,) = server.of_key(key)
    return experiment


def test_the_heatmap_the_files_and_the_summary(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = prompt_trace(1, feedback=[score(1, 1.0)])
    tracker.deliver_traces(captured(trace))
    item = explained(trace)
    (receipt,) = tracker.deliver_explanations([item])
    assert isinstance(receipt, Receipt)
    experiment = experiment_of(comet_server, trace.trace_id)
    folder = span_id(1)
    assert "Peru." in experiment.html
    assert experiment.asset(f"{folder}/heatmap.html").decode() == experiment.html
    read = Explanation.model_validate_json(experiment.asset(f"{folder}/explanation.json"))
    assert read == item.explanation
    rows = list(
        csv.DictReader(io.StringIO(experiment.asset(f"{folder}/attributions.csv").decode()))
    )
    assert [row["text"] for row in rows] == ["Name", "the", "capital", "of", "Peru."]
    assert float(rows[-1]["attribution"]) == 0.7
    assert experiment.metrics["smile.fidelity_r2"] == [0.8]
    assert experiment.metrics["user_feedback"] == [1.0]
    assert experiment.parameters["smile.status"] == "reliable"
    assert experiment.parameters["smile.top_segment"] == "Peru"
    assert "explained" in experiment.tags
    metadata = json.loads(experiment.asset("comet_llm_data.json"))["metadata"]
    assert metadata["smile"][folder]["top"][0]["text"] == "Peru."
    assert metadata["model"] == "planted"
    metadata = sdk.load().comet_llm.API().get_llm_trace_by_id(trace.trace_id).get_metadata()
    assert metadata["smile"][folder]["summary"] == item.explanation.summary


def test_a_newer_explanation_replaces_the_older(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace)])
    newer = explained(trace, status="inconclusive", r2=0.1, at="2026-11-25T01:00:00+00:00")
    tracker.deliver_explanations([newer])
    experiment = experiment_of(comet_server, trace.trace_id)
    assert len(experiment.assets) == 4
    assert experiment.parameters["smile.status"] == "inconclusive"
    assert experiment.metrics["smile.fidelity_r2"] == [0.8, 0.1]
    assert "inconclusive" in experiment.html.lower()
    metadata = json.loads(experiment.asset("comet_llm_data.json"))["metadata"]
    assert metadata["smile"][span_id(1)]["r2_heldout"] == 0.1


def test_every_call_of_a_trace_has_its_own(comet_server: FakeComet, tracker: CometTracker) -> None:
    trace = nested_trace(3)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace, 0)])
    tracker.deliver_explanations([explained(trace, 1), explained(trace, 2)])
    experiment = experiment_of(comet_server, trace.trace_id)
    for call in trace.calls:
        read = Explanation.model_validate_json(experiment.asset(f"{call.span_id}/explanation.json"))
        assert read.messages == call.messages
    assert experiment.html.count('<div class="smile-trace">') == 3
    assert experiment.metrics["smile.explained_calls"][-1] == 3
    metadata = json.loads(experiment.asset("comet_llm_data.json"))["metadata"]
    assert set(metadata["smile"]) == {call.span_id for call in trace.calls}
    assert metadata["calls"] == 3


def test_a_late_span_keeps_the_explanation(comet_server: FakeComet, tracker: CometTracker) -> None:
    trace = prompt_trace(1)
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace)])
    tracker.deliver_traces(captured(prompt_trace(1, feedback=[score(1, 1.0)])))
    document = json.loads(experiment_of(comet_server, trace.trace_id).asset("comet_llm_data.json"))
    assert span_id(1) in document["metadata"]["smile"]
    assert document["metadata"]["feedback"]["user_feedback"]["comment"] == "a comment"


def test_an_explanation_of_a_deleted_trace_is_rejected(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    here, gone = prompt_trace(1), prompt_trace(2)
    tracker.deliver_traces(captured(here))
    first, second = tracker.deliver_explanations([explained(here), explained(gone)])
    assert isinstance(first, Receipt)
    assert isinstance(second, Rejected)
    assert second.retry is False
    assert "deleted" in second.reason


@pytest.mark.slow
@pytest.mark.parametrize("known_ids", ["overwrite", "reject", "duplicate"])
@pytest.mark.parametrize("takes_effect", [False, True])
def test_cut_off_between_any_two_requests(
    comet_server: FakeComet, tracker: CometTracker, known_ids: KnownIds, takes_effect: bool
) -> None:
    """The n-th request is the last that leaves; the next delivery makes everything whole, and
    nothing twice."""
    trace = prompt_trace(1)
    item = explained(trace)
    for n in range(100):
        comet_server.reset()
        comet_server.known_ids = known_ids
        comet_server.faults = [Fault("close", after=n, times=None, takes_effect=takes_effect)]
        try:
            tracker.deliver_traces(captured(trace))
            tracker.deliver_explanations([item])
        except TrackerUnavailable:
            comet_server.faults = []
            tracker.deliver_traces(captured(trace))
            (receipt,) = tracker.deliver_explanations([item])
            assert isinstance(receipt, Receipt)
        else:
            break
        of_trace, of_version = comet_server.experiments
        names = [asset.name for asset in of_trace.assets]
        assert len(names) == len(set(names)) == 4, (n, names)
        assert of_trace.html.count('<div class="smile-trace">') == 1
        assert of_trace.metrics["smile.fidelity_r2"] == [0.8]
        names = [asset.name for asset in of_version.assets]
        assert len(names) == len(set(names)) == 5, (n, names)
        assert of_version.metrics["smile.explained_calls"] == [1.0]
        assert not of_version.running
    assert 20 < n < 100


HOSTILE = (
    "<script>console.log('smile-alarm')</script>\"><img src=x onerror=alert('smile-alarm')> "
    "]]> {braces} | a | table | \x1b[31mred\x1b[0m \x00 \u202egnol 😀😀 </style></pre></iframe>"
)


@pytest.mark.browser
def test_hostile_text_is_text_in_what_comet_would_show(
    comet_server: FakeComet, tracker: CometTracker, watched_page: WatchedPage
) -> None:
    single, several = prompt_trace(1, country=HOSTILE), nested_trace(2)
    tracker.deliver_traces(captured(single, several))
    tracker.deliver_explanations([explained(single), explained(several, 0), explained(several, 1)])
    shown = [e.html for e in comet_server.experiments]
    shown += [
        asset.content.decode()
        for e in comet_server.experiments
        for asset in e.assets
        if asset.name.endswith(".html")
    ]
    assert len(shown) == 7
    for html in shown:
        watched_page.page.set_content(html)
        assert watched_page.page.locator("script, img, iframe").count() == 0
    (version,) = comet_server.of_project("llm-general-prompts")
    watched_page.page.set_content(version.html)
    assert "<script>console.log" in watched_page.page.inner_text("body")
    watched_page.page.goto(comet_server.url)
    watched_page.page.goto(f"{comet_server.url}/my-team/llm-general/{trace_id(1)}")
    assert "Peru" not in watched_page.page.inner_text("h1")
    assert watched_page.alarms == []


def test_a_path_is_on_top_of_its_trace_and_stays(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = nested_trace(1)
    path = sample_path().model_copy(update={"trace_id": trace.trace_id})
    item = ExplainedPath(trace=trace, path=path, traced_as=trace.trace_id)
    [missing] = tracker.deliver_paths([item])
    assert isinstance(missing, Rejected), "its trace is not there"
    tracker.deliver_traces(captured(trace))
    tracker.deliver_explanations([explained(trace, 0)])
    for _ in range(2):
        assert isinstance(tracker.deliver_paths([item])[0], Receipt)
    tracker.deliver_explanations([explained(trace, 1)])
    tracker.deliver_traces(captured(trace))
    experiment = experiment_of(comet_server, trace.trace_id)
    assert ExplanationPath.model_validate_json(experiment.asset("path.json")) == path
    assert experiment.asset("path.svg").startswith(b"<svg")
    assert "Friday from user" in experiment.parameters["smile.path"]
    metadata = json.loads(experiment.asset("comet_llm_data.json"))["metadata"]["smile"]
    assert metadata["path"]["summary"] == path.summary
    assert set(metadata) == {"path", trace.calls[0].span_id, trace.calls[1].span_id}
    assert experiment.html.count('<div class="smile-path') == 1
    assert experiment.html.index("smile-path") < experiment.html.index('smile-trace"')


def test_a_profile_is_a_page_a_record_and_a_column(
    comet_server: FakeComet, tracker: CometTracker
) -> None:
    trace = nested_trace(1)
    call = trace.calls[0]
    item = ProfiledCall(
        trace=trace, call=call, profile=sample_profile(call), traced_as=trace.trace_id
    )
    [missing] = tracker.deliver_profiles([item])
    assert isinstance(missing, Rejected), "its trace is not there"
    tracker.deliver_traces(captured(trace))
    assert isinstance(tracker.deliver_profiles([item])[0], Receipt)
    experiment = experiment_of(comet_server, trace.trace_id)
    kept = experiment.asset(f"{call.span_id}/profile.json")
    assert Profile.model_validate_json(kept) == item.profile
    assert experiment.asset(f"{call.span_id}/profile.html").startswith(b"<!doctype html>")
    assert experiment.parameters["smile.changed_by"] == "paraphrase"


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
