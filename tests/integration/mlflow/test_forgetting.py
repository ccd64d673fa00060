"""A forgotten trace on a real server: trace, assessments, files, rows and comparisons are gone."""

from collections.abc import Mapping

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.records import Call, Explanation, PromptUse, Trace
from smile_trace.testing.samples import sample_comparison
from smile_trace.trackers import (
    CapturedTrace,
    ComparedPrompt,
    ExplainedCall,
    ForgottenCall,
    ForgottenTrace,
    Outcome,
    Receipt,
    Rejected,
)
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.runs import day_of
from smile_trace_mlflow.spans import EXTERNAL_SPAN, EXTERNAL_TRACE
from tests.support.explained import captured, explanation
from tests.support.mlflow_server import MLflowServer

pytestmark = pytest.mark.mlflow

MARKER, OTHER = "zanzibar", "lighthouse"
PROMPT = "directions"

Case = tuple[Trace, Call, Explanation]


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> str:
    return mlflow_server.new_experiment()


@pytest.fixture
def tracker(mlflow_server: MLflowServer, experiment: str) -> MLflowTracker:
    options = {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    found = MLflowTracker.from_settings(options)
    assert found is not None
    return found


def case(word: str, external: Mapping[str, str] = {}) -> Case:
    """An explained call with the word in all of its texts."""
    text = f"Where is the {word} from here?"
    explained = explanation(
        [("user", text)], {word: 0.7}, answer=f"the {word} is north", summary=f"“{word}” it is."
    )
    trace, call = captured(explained, external_trace=external)
    use = PromptUse(name=PROMPT, version="1", template="…", message=0, start=0, end=4)
    called = call.model_copy(update={"prompts": (use,)})
    return trace.model_copy(update={"calls": (called,)}), called, explained


def deliver(tracker: MLflowTracker, of: Case) -> str:
    trace, call, explained = of
    [outcome] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    traced_as = received(outcome)
    item = ExplainedCall(trace=trace, call=call, explanation=explained, traced_as=traced_as)
    received(tracker.deliver_explanations([item])[0])
    return traced_as


def received(outcome: Outcome) -> str:
    assert isinstance(outcome, Receipt), outcome
    return outcome.external_id


def forgotten(of: Case, traced_as: str | None) -> ForgottenTrace:
    """What the worker knows of a trace that is to be deleted."""
    trace, call, explained = of
    noted = ForgottenCall(
        id=call.id,
        start_ns=call.start_ns,
        prompts=((PROMPT, "1"),),
        days=(day_of(explained),),
        external_trace=call.external_trace,
    )
    return ForgottenTrace(
        trace_id=trace.trace_id, start_ns=call.start_ns, calls=(noted,), traced_as=traced_as
    )


def everything(experiment: str, server: MLflowServer) -> str:
    """Every trace and run that a person sees, and every file that the server has of them."""
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    place = str(found.experiment_id)
    texts = [trace.to_json() for trace in client.search_traces(locations=[place])]
    texts += [str(run.to_dictionary()) for run in client.search_runs([place])]
    for path in server.folder.rglob("*"):
        if path.is_file() and place in path.relative_to(server.folder).parts:
            texts.append(f"{path} {path.read_bytes().decode(errors='replace')}")
    return "\n".join(texts)


def test_nothing_of_a_forgotten_trace_is_left(
    mlflow_server: MLflowServer, tracker: MLflowTracker, experiment: str
) -> None:
    mine, other = case(MARKER), case(OTHER)
    ids = [deliver(tracker, mine), deliver(tracker, other)]
    received(tracker.deliver_comparison(ComparedPrompt(comparison=sample_comparison(PROMPT))))
    before = everything(experiment, mlflow_server)
    assert before.count("comparison.html") >= 1
    for piece in (MARKER, mine[0].trace_id, "attachments", f"{mine[0].trace_id}-"):
        assert piece in before
    for _ in range(2):  # deleted twice, it is gone all the same
        received(tracker.forget([forgotten(mine, ids[0])])[0])
    after = everything(experiment, mlflow_server)
    assert MARKER not in after
    assert mine[0].trace_id not in after
    assert "comparison.html" not in after
    assert OTHER in after
    assert mlflow.get_trace(ids[0]) is None
    assert len(mlflow.get_trace(ids[1]).info.assessments) == 1
    # The comparison is made anew by the worker.
    again = ComparedPrompt(comparison=sample_comparison(PROMPT))
    received(tracker.deliver_comparison(again))
    assert "comparison.html" in everything(experiment, mlflow_server)


def test_what_never_arrived_is_gone(tracker: MLflowTracker) -> None:
    received(tracker.forget([forgotten(case(MARKER), None)])[0])


def test_the_explanation_is_taken_out_of_the_users_own_trace(
    mlflow_server: MLflowServer, tracker: MLflowTracker, experiment: str
) -> None:
    mlflow.set_experiment(experiment)
    with mlflow.start_span("application") as span:
        span.set_outputs("their own text")
    mlflow.flush_trace_async_logging()
    mine = case(MARKER, {EXTERNAL_TRACE: span.trace_id, EXTERNAL_SPAN: span.span_id})
    assert deliver(tracker, mine) == span.trace_id
    assert MARKER in everything(experiment, mlflow_server)
    for _ in range(2):
        [outcome] = tracker.forget([forgotten(mine, span.trace_id)])
        assert isinstance(outcome, Rejected)
        assert not outcome.retry
        assert f"the application itself wrote {span.trace_id}" in outcome.reason
    after = everything(experiment, mlflow_server)
    assert MARKER not in after
    assert "their own text" in after
    assert mlflow.get_trace(span.trace_id).info.assessments == []
