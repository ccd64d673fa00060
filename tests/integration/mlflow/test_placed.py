"""Where paths, profiles and documents stand in a real MLflow: spans, assessments, a page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import smile_trace
from smile_trace.errors import ReasonCode
from smile_trace.explaining.inputs import read_trace
from smile_trace.records import Call, Explanation, Trace
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile
from smile_trace.render.phrases import NO_DRIVER
from smile_trace.settings import Settings
from smile_trace.testing import captured
from smile_trace.trackers import (
    CapturedTrace,
    ExplainedCall,
    ExplainedPath,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    ProfiledCall,
    Receipt,
    Rejected,
    UnexplainedCall,
)
from smile_trace.trackers.presentation import DOCUMENT, EXPLANATION_NAME, NOT_MEASURED, PATH_NAME
from smile_trace_contracts.samples import HOSTILE, sample_profile, sample_trace
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.runs import day_of, path_page
from smile_trace_mlflow.server import Server
from smile_trace_mlflow.spans import EXTERNAL_TRACE, shown_in
from smile_trace_mlflow.tracker import CHUNK
from smile_trace_mlflow.views import NOT_EXPLAINED_NAME
from tests.support.agents_in_store import serving_agent
from tests.support.browser import WatchedPage
from tests.support.explained import explanation
from tests.support.mlflow_pages import open_list, open_picture
from tests.support.mlflow_server import MLflowServer
from tests.support.planted_agents import planted_agent
from tests.support.retrieval_traces import (
    RETURNS,
    WARRANTY,
    explained,
    langchain,
    langchain_by_mlflow,
    llamaindex,
    plain,
    trace_of,
)

pytestmark = pytest.mark.mlflow
Case = tuple[Trace, ExplanationPath]


@pytest.fixture(scope="module")
def case() -> Case:
    """An agent of three calls, explained: its trace and its path."""
    agent = planted_agent(100, "user", 3)
    with serving_agent(agent) as (_, model):
        path = smile_trace.explain_path(agent.trace_id, model=model)
        return read_trace(agent.trace_id, Settings()), path


def received(outcome: Outcome) -> Receipt:
    assert isinstance(outcome, Receipt), outcome
    return outcome


def deliver(tracker: MLflowTracker, case: Case) -> Receipt:
    """The trace, then its path."""
    trace, path = case
    [outcome] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    traced_as = received(outcome).external_id
    return received(
        tracker.deliver_paths([ExplainedPath(trace=trace, path=path, traced_as=traced_as)])[0]
    )


def forgotten(case: Case, traced_as: str) -> ForgottenTrace:
    trace, path = case
    days = (day_of(path.steps[0].explanation),)
    calls = tuple(
        ForgottenCall(id=c.id, start_ns=c.start_ns, days=days, external_trace=c.external_trace)
        for c in trace.calls
    )
    start = trace.calls[0].start_ns
    return ForgottenTrace(trace_id=trace.trace_id, start_ns=start, calls=calls, traced_as=traced_as)


@pytest.mark.slow
def test_it_stands_at_the_root_at_each_step_in_the_list_and_as_a_page(
    tracker: MLflowTracker, experiment: str, case: Case
) -> None:
    trace, path = case
    first = deliver(tracker, case)
    assert deliver(tracker, case) == first
    shown = mlflow.get_trace(f"tr-{trace.trace_id}")
    spans = {span.name: span for span in shown.data.spans}
    assert len(shown.data.spans) == len(trace.spans) + 1 + len(path.steps), "each there once"
    at_root = spans[PATH_NAME]
    assert at_root.parent_id == trace.root_span_id
    assert at_root.outputs["summary"] == path.summary
    assert "/get-artifact?path=pictures" in at_root.outputs["path"]
    assert at_root.outputs["the whole page"].startswith("mlflow-attachment:")
    for number, step in enumerate(path.steps, 1):
        at_step = spans[f"{number}. {step.title}"]
        assert f"{trace.trace_id}:{at_step.parent_id}" == step.call
        assert "/get-artifact?path=pictures" in at_step.outputs["heatmap"]
    assert "in the result of look_up" in at_step.outputs["depends on"] or number == len(path.steps)
    said = {a.name: (a.value, a.rationale) for a in shown.info.assessments}
    assert said == {
        "smile.path": ("arrives: Monday from look_up_tour_1 and K-8528 from user", path.summary)
    }
    assert shown.info.execution_duration is not None
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    [run] = client.search_runs([found.experiment_id])
    pages = [file.path for file in client.list_artifacts(run.info.run_id, "paths")]
    assert pages == [path_page(trace.trace_id)]
    received(tracker.forget([forgotten(case, f"tr-{trace.trace_id}")])[0])
    assert client.list_artifacts(run.info.run_id, "paths") == []
    gone = ExplainedPath(trace=trace, path=path, traced_as=f"tr-{trace.trace_id}")
    [outcome] = tracker.deliver_paths([gone])
    assert isinstance(outcome, Rejected)
    assert not outcome.retry


def test_a_step_that_a_newer_path_has_not_is_emptied(tracker: MLflowTracker, case: Case) -> None:
    trace, path = case
    deliver(tracker, case)
    ends = [source.model_copy(update={"step": None}) for source in path.steps[0].sources]
    first = path.steps[0].model_copy(update={"sources": tuple(ends)})
    shorter = path.model_copy(update={"steps": (first,)})
    deliver(tracker, (trace, shorter))
    spans = mlflow.get_trace(f"tr-{trace.trace_id}").data.spans
    left = [s for s in spans if s.name == "A step of the path (not in it any more)"]
    assert len(left) == len(path.steps) - 1
    assert not any(span.outputs or span.inputs for span in left)
    assert [s.name[:2] for s in spans if s.name[0].isdigit()] == ["1."]
    deliver(tracker, case)
    spans = mlflow.get_trace(f"tr-{trace.trace_id}").data.spans
    assert sorted(s.name[:2] for s in spans if s.name[0].isdigit()) == ["1.", "2.", "3."]


def test_an_agents_calls_say_why_they_are_not_explained_until_they_are(
    tracker: MLflowTracker,
) -> None:
    agent = planted_agent(101, "user", 3)
    with serving_agent(agent):
        trace = read_trace(agent.trace_id, Settings())
    [receipt] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    traced_as = received(receipt).external_id
    codes = (ReasonCode.NO_MODEL, ReasonCode.STEP_OF_TRACE, ReasonCode.NOT_SAMPLED)
    skipped = [
        UnexplainedCall(
            trace=trace, call=call, state="skipped", code=code, reason="why", traced_as=traced_as
        )
        for call, code in zip(trace.calls, codes, strict=True)
    ]

    def under(call: Call) -> list[Any]:
        shown = mlflow.get_trace(traced_as).data.spans
        ours = {span.span_id for span in trace.spans}
        return [s for s in shown if s.parent_id == call.span_id and s.span_id not in ours]

    for _ in range(2):
        for outcome in tracker.deliver_unexplained(skipped):
            received(outcome)
    first, second, final = trace.calls
    [why] = under(first)
    assert why.name.startswith(NOT_EXPLAINED_NAME)
    assert why.attributes["smile.status"] == "skipped: no model"
    assert why.outputs == {"verdict": "skipped: no model", "why": "why"}
    assert not under(second), "it was not sampled, as most calls"
    info = mlflow.get_trace(traced_as).info
    assert info.tags["smile.status"] == "skipped: not sampled"
    assert [(a.name, a.value, a.rationale) for a in info.assessments] == [
        ("smile.verdict", "skipped: not sampled", "why")
    ]

    items = [
        ExplainedCall(trace=trace, call=call, explanation=explanation(), traced_as=traced_as)
        for call in (first, final)
    ]
    for outcome in tracker.deliver_explanations(items):
        received(outcome)
    [of_first], [of_final] = under(first), under(final)
    assert of_first.name.startswith(EXPLANATION_NAME)
    assert "steps" not in of_first.outputs
    assert of_final.outputs["steps"].startswith("2 calls led to this answer")
    assert mlflow.get_trace(traced_as).info.tags["smile.status"] == "reliable"


@pytest.mark.slow
def test_in_the_users_own_trace_and_taken_out_of_it_again(
    tracker: MLflowTracker, case: Case
) -> None:
    own, path = case
    deliver_own = tracker.deliver_traces([CapturedTrace(trace=own)])
    users = received(deliver_own[0]).external_id
    number = "b" * 32
    calls = tuple(
        c.model_copy(update={"trace_id": number, "external_trace": {
            EXTERNAL_TRACE: users, "mlflow.span_id": c.span_id}})
        for c in own.calls
    )  # fmt: skip
    spans = tuple(s.model_copy(update={"trace_id": number}) for s in own.spans)
    trace = own.model_copy(update={"trace_id": number, "calls": calls, "spans": spans})
    steps = tuple(
        step.model_copy(update={"call": step.call.replace(own.trace_id, number)})
        for step in path.steps
    )
    path = path.model_copy(update={"trace_id": number, "steps": steps})
    item = ExplainedPath(trace=trace, path=path, traced_as=users)
    received(tracker.deliver_paths([item])[0])
    shown = mlflow.get_trace(users)
    parents = {s.name: s.parent_id for s in shown.data.spans}
    assert parents[PATH_NAME] == own.root_span_id
    for number_, step in enumerate(path.steps, 1):
        assert parents[f"{number_}. {step.title}"] == step.call.partition(":")[2]
    [outcome] = tracker.forget([forgotten((trace, path), users)])
    assert isinstance(outcome, Rejected), "the rest is the application's"
    left = mlflow.get_trace(users)
    ours = [s for s in left.data.spans if s.name.endswith("(forgotten)")]
    assert len(ours) == 1 + len(path.steps)
    assert all(not s.outputs for s in ours)
    assert left.info.assessments == []
    # Other tests deliver the same trace, which would keep what was forgotten.
    MlflowClient().delete_traces(left.info.experiment_id, trace_ids=[users])


@pytest.mark.browser
def test_its_pictures_are_drawn(
    tracker: MLflowTracker, case: Case, watched_page: WatchedPage, tmp_path: Path
) -> None:
    page = watched_page.page
    page.set_viewport_size({"width": 1600, "height": 950})
    url = str(deliver(tracker, case).url)
    picture = open_picture(page, url, PATH_NAME)
    assert picture.evaluate("image => image.naturalWidth") == 700
    assert page.get_by_text("The final answer depends on").first.is_visible()
    page.screenshot(path=tmp_path / "path.png")
    open_picture(page, url, "2. The call to look_up")
    page.screenshot(path=tmp_path / "step.png")
    open_list(page, url, column="smile.path")
    assert page.get_by_text(
        "arrives: Monday from look_up_tour_1 and K-8528 from user"
    ).first.is_visible()
    page.screenshot(path=tmp_path / "list.png")


def delivered(tracker: MLflowTracker, trace: Trace, profile: Profile) -> str:
    """The trace and the profile of its call; the trace's id in MLflow."""
    [traced] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(traced, Receipt)
    item = ProfiledCall(
        trace=trace, call=trace.calls[0], profile=profile, traced_as=traced.external_id
    )
    [outcome] = tracker.deliver_profiles([item])
    assert isinstance(outcome, Receipt), outcome
    return traced.external_id


def said(trace_id: str) -> dict[str, tuple[str, str]]:
    """Value and rationale by name; each name is there once."""
    info = mlflow.get_trace(trace_id).info
    found = {a.name: (a.value, a.rationale) for a in info.assessments}
    assert len(found) == len(info.assessments)
    return found


def test_each_probe_is_an_assessment_with_its_worst_variant(tracker: MLflowTracker) -> None:
    trace = sample_trace(f"What is the capital of France? {HOSTILE}")
    profile = sample_profile(trace.calls[0])
    trace_id = delivered(tracker, trace, profile)
    found = said(trace_id)
    assert set(found) == {"smile.stability", "smile.paraphrase"}, "what was asked"
    assert found["smile.stability"][0] == "no effect seen"
    status, rationale = found["smile.paraphrase"]
    assert status == "changes it"
    assert rationale.startswith(
        "4 of 4 gave another answer.\n\nThe most telling variant: a greeting"
    )
    assert "The prompt: {+Hello! +}" in rationale
    assert "The answer:\n- Paris\n+ Not Paris: What is the capital" in rationale
    assert "\x1b" not in rationale


@pytest.mark.slow
def test_a_newer_profile_takes_the_place_of_the_older_one(tracker: MLflowTracker) -> None:
    trace = sample_trace()
    profile = sample_profile(trace.calls[0])
    trace_id = delivered(tracker, trace, profile)
    kept = {"stability": profile.results["stability"]}
    assert delivered(tracker, trace, profile.model_copy(update={"results": kept})) == trace_id
    assert set(said(trace_id)) == {"smile.stability"}


def deliver_twice(
    server: MLflowServer, trace: Trace, explanation: Explanation
) -> mlflow.entities.Trace:
    experiment = server.new_experiment()
    tracker = MLflowTracker.from_settings({"tracking_uri": server.uri, "experiment": experiment})
    assert tracker is not None
    [call] = [call for call in trace.calls if call.documents]
    for _ in range(2):  # delivered twice, it is visible once
        [receipt] = tracker.deliver_traces([CapturedTrace(trace=trace)])
        assert isinstance(receipt, Receipt)
        item = ExplainedCall(
            trace=trace, call=call, explanation=explanation, traced_as=receipt.external_id
        )
        [shown] = tracker.deliver_explanations([item])
        assert isinstance(shown, Receipt)
    return mlflow.get_trace(shown_in(item))


def of_documents(trace: mlflow.entities.Trace) -> list[Any]:
    """What is said of the trace's documents."""
    return [a for a in trace.info.assessments if a.name == DOCUMENT]


def measured(said: Any) -> float:
    """The attribution in a value such as `+0.62 returns.md`."""
    return float(said.value.split()[0].replace("\u2212", "-"))


@pytest.mark.parametrize(
    "make",
    [
        *(pytest.param(m, marks=pytest.mark.slow) for m in (langchain, langchain_by_mlflow)),
        llamaindex,
        pytest.param(plain, marks=pytest.mark.slow),
    ],
    ids=lambda make: make.__name__,
)
def test_each_attribution_stands_on_its_document(
    mlflow_server: MLflowServer, make: Callable[[], Trace]
) -> None:
    trace = make()
    explanation = explained(trace)
    assert [document.measured for document in explanation.documents] == ["alone", "alone"]
    found = deliver_twice(mlflow_server, trace, explanation)
    said = of_documents(found)
    assert len(said) == 2
    [retriever] = {a.span_id for a in said}
    [span] = [span for span in found.data.spans if span.span_id == retriever]
    assert span.span_type == "RETRIEVER"
    texts = [document["page_content"] for document in span.outputs]
    values = {texts[int(a.metadata[CHUNK])]: a.value for a in said}
    of_warranty, of_returns = values.pop(WARRANTY), *values.values()
    assert of_returns == NO_DRIVER
    assert measured(said[-1]) > 0.5
    assert said[-1].value == of_warranty, "the list shows the newest"
    assert {a.span_id for a in found.info.assessments if a.name != DOCUMENT} != {retriever}


NO_EFFECT: dict[str, Any] = {"verdict": "excluded", "attribution": -0.03, "leave_one_out": 0.0}
AGAINST: dict[str, Any] = {"verdict": "against", "attribution": -0.2, "leave_one_out": 0.0}
OPEN: dict[str, Any] = {"verdict": "open", "attribution": 0.02, "leave_one_out": 0.0}


@pytest.mark.parametrize(
    ("first", "second", "newest"),
    [
        (NO_EFFECT, NO_EFFECT, NO_DRIVER),
        (AGAINST, NO_EFFECT, "\u22120.20 returns.md"),
        (AGAINST, OPEN, "+0.02 warranty.md"),  # alone, the other one changes nothing
    ],
)
def test_the_list_shows_the_document_that_mattered_most_or_that_none_did(
    mlflow_server: MLflowServer, first: dict[str, Any], second: dict[str, Any], newest: str
) -> None:
    trace = plain()
    found = explained(trace)
    named = (first | {"source": "returns.md"}, second | {"source": "warranty.md"})
    pairs = zip(found.documents, named, strict=True)
    documents = tuple(document.model_copy(update=change) for document, change in pairs)
    shown = found.model_copy(update={"documents": documents})
    assert of_documents(deliver_twice(mlflow_server, trace, shown))[-1].value == newest


@pytest.mark.slow
def test_recorded_with_the_call_they_stand_on_the_call(mlflow_server: MLflowServer) -> None:
    with captured() as seen:

        @smile_trace.trace(model="m")
        def answer(prompt: str) -> str:
            smile_trace.record(documents=[RETURNS, {"content": WARRANTY, "source": "warranty.md"}])
            return "It lasts 24 months."

        answer(f"{RETURNS} {WARRANTY} How long is the warranty of my kettle?")
    trace = trace_of(list(seen.spans))
    found = deliver_twice(mlflow_server, trace, explained(trace))
    said = {a.metadata[CHUNK]: a for a in of_documents(found)}
    assert {a.span_id for a in said.values()} == {trace.calls[0].span_id}
    assert said["1"].metadata["smile.document"] == "warranty.md"
    assert said["1"].rationale.startswith("warranty.md: +")
    assert said["1"].rationale.endswith("the answer depends on it")
    assert said["0"].rationale.startswith("document 1: ")


@pytest.mark.slow
def test_what_was_not_measured_is_said(mlflow_server: MLflowServer) -> None:
    """Its words were removed one by one: the document as a whole was not."""
    trace = plain()
    explanation = explained(trace, "sentence")
    pieces = explanation.model_copy(
        update={
            "documents": tuple(
                d.model_copy(update={"measured": "in_pieces", "attribution": None})
                for d in explanation.documents
            )
        }
    )
    found = deliver_twice(mlflow_server, trace, pieces)
    said = of_documents(found)
    assert all(a.value.startswith(f"{NOT_MEASURED} ") for a in said)
    assert all("removed part by part" in a.rationale for a in said)


@pytest.mark.slow
def test_in_the_applications_own_trace_they_stand_on_its_retriever(
    mlflow_server: MLflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There our spans are not, so that a document is found by its text, wherever it stands there;
    one that nothing retrieved stands on the call. The trace is downloaded once."""
    downloads, download = list[str](), Server.spans

    def spans_of(server: Server, trace_id: str) -> Any:
        downloads.append(trace_id)
        return download(server, trace_id)

    monkeypatch.setattr(Server, "spans", spans_of)
    experiment = mlflow_server.new_experiment()
    mlflow.set_experiment(experiment)

    @mlflow.trace(span_type="RETRIEVER")
    def search(question: str) -> list[dict[str, str]]:
        return [{"page_content": "Something else."}, {"content": f"{WARRANTY}\n"}]

    @smile_trace.trace(model="m")
    def ask(prompt: str) -> str:
        smile_trace.record(documents=[RETURNS, {"content": WARRANTY, "source": "warranty.md"}])
        return "It lasts 24 months."

    @mlflow.trace
    def answer(question: str) -> str:
        search(question)
        with mlflow.start_span("call", span_type="CHAT_MODEL"):
            return ask(f"{RETURNS} {WARRANTY} {question}")

    with captured() as seen:
        answer("How long is the warranty of my kettle?")
    mlflow.flush_trace_async_logging()
    trace = trace_of(list(seen.spans))
    found = deliver_twice(mlflow_server, trace, explained(trace))
    assert len(downloads) == 2  # it is delivered twice
    spans = {span.name: span.span_id for span in found.data.spans}
    by_span = {a.span_id: a for a in of_documents(found)}
    assert set(by_span) == {spans["search"], spans["call"]}
    warranty = by_span[spans["search"]]
    assert warranty.metadata[CHUNK] == "1"
    assert warranty.metadata["smile.document"] == "warranty.md"
    assert measured(warranty) > 0.5
    assert warranty.value.endswith(" warranty.md")
