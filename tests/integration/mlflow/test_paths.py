"""The path of an agent's trace in a real MLflow: at its root, at each step, in the list, a page."""

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

import smile_trace
from smile_trace.explaining.inputs import read_trace
from smile_trace.records import Trace
from smile_trace.records.path import ExplanationPath
from smile_trace.settings import Settings
from smile_trace.trackers import (
    CapturedTrace,
    Deferred,
    ExplainedPath,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    Receipt,
    Rejected,
)
from smile_trace.trackers.late_path import PATH_NAME
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.runs import day_of, path_page
from smile_trace_mlflow.spans import EXTERNAL_TRACE
from tests.support.agents_in_store import serving_agent
from tests.support.browser import WatchedPage
from tests.support.mlflow_pages import open_list, open_pictures
from tests.support.mlflow_server import MLflowServer
from tests.support.planted_agents import planted_agent

pytestmark = pytest.mark.mlflow

Case = tuple[Trace, ExplanationPath]


@pytest.fixture(scope="module")
def case() -> Case:
    """An agent of three calls, explained: its trace and its path."""
    agent = planted_agent(100, "user", 3)
    with serving_agent(agent) as (_, model):
        path = smile_trace.explain_path(agent.trace_id, model=model)
        return read_trace(agent.trace_id, Settings()), path


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> str:
    return mlflow_server.new_experiment()


@pytest.fixture
def tracker(mlflow_server: MLflowServer, experiment: str) -> MLflowTracker:
    options = {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    found = MLflowTracker.from_settings(options)
    assert found is not None
    return found


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
    assert at_root.outputs["path"].startswith("mlflow-attachment:")
    for number, step in enumerate(path.steps, 1):
        at_step = spans[f"{number}. {step.title}"]
        assert f"{trace.trace_id}:{at_step.parent_id}" == step.call
        assert "heatmap" in " ".join(at_step.outputs)
    assert "in the result of look_up" in at_step.outputs["depends on"] or number == len(path.steps)
    said = {a.name: (a.value, a.rationale) for a in shown.info.assessments}
    assert said == {"smile.path": ("“K-8528” in the user message", path.summary)}
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


def test_it_waits_for_the_users_own_trace(tracker: MLflowTracker, case: Case) -> None:
    trace, path = case
    [outcome] = tracker.deliver_paths(
        [ExplainedPath(trace=trace, path=path, traced_as="tr-" + "c" * 32)]
    )
    assert isinstance(outcome, Deferred)


@pytest.mark.slow
@pytest.mark.browser
def test_its_pictures_are_drawn(
    tracker: MLflowTracker, case: Case, watched_page: WatchedPage, tmp_path: Path
) -> None:
    page = watched_page.page
    page.set_viewport_size({"width": 1600, "height": 950})
    url = str(deliver(tracker, case).url)
    [picture] = open_pictures(page, url, PATH_NAME)
    assert picture.evaluate("image => image.naturalWidth") == 700
    assert page.get_by_text("The final answer depends on").first.is_visible()
    page.screenshot(path=tmp_path / "path.png")
    assert open_pictures(page, url, "2. The call of look_up")
    page.screenshot(path=tmp_path / "step.png")
    open_list(page, url, column="smile.path")
    assert page.get_by_text("“K-8528” in the user message").first.is_visible()
    page.screenshot(path=tmp_path / "list.png")
