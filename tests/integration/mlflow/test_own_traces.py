"""An application that traces with MLflow: the heatmap is in its trace, our calls are nowhere."""

from collections.abc import Iterator

import mlflow
import openai
import pytest

import smile_trace
from smile_trace.dialects import assemble
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Trace
from smile_trace.testing import Captured, captured
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace.trackers.presentation import EXPLANATION_NAME
from smile_trace_mlflow import MLflowTracker
from tests.support.explained import explanation
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import serving

pytestmark = pytest.mark.mlflow
PROMPT = "What is the capital of France?"


@pytest.fixture
def logged(mlflow_server: MLflowServer) -> Iterator[str]:
    name = mlflow_server.new_experiment()
    mlflow.set_experiment(name)
    mlflow.openai.autolog()
    yield name
    mlflow.openai.autolog(disable=True)


def ask(base_url: str) -> str:
    client = openai.OpenAI(base_url=base_url, api_key="none")

    @smile_trace.trace(model="m")
    def call(prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        reply = client.chat.completions.create(model="m", messages=messages, max_tokens=4)  # type: ignore[arg-type]
        smile_trace.record(messages=messages, response=reply)
        return str(reply.choices[0].message.content)

    return call(PROMPT)


def trace_of(seen: Captured) -> Trace:
    spans = seen.spans
    return assemble(spans[0].trace_id, spans)


def deliver(server: MLflowServer, experiment: str, trace: Trace) -> None:
    """As the worker does, once MLflow has written what it had."""
    mlflow.flush_trace_async_logging()
    tracker = MLflowTracker.from_settings({"tracking_uri": server.uri, "experiment": experiment})
    assert tracker is not None
    [call] = trace.calls
    explained = explanation([("user", PROMPT)], {"France": 0.7}, answer=call.answer or "")
    for _ in range(2):
        [receipt] = tracker.deliver_traces([CapturedTrace(trace=trace)])
        assert isinstance(receipt, Receipt)
        [shown] = tracker.deliver_explanations(
            [
                ExplainedCall(
                    trace=trace, call=call, explanation=explained, traced_as=receipt.external_id
                )
            ]
        )
        assert isinstance(shown, Receipt)


def the_only_trace(experiment: str) -> mlflow.entities.Trace:
    found = mlflow.get_experiment_by_name(experiment)
    [trace] = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    return mlflow.get_trace(trace.info.trace_id)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("around", [True, False], ids=["around", "automatic logging alone"])
def test_the_heatmap_is_under_the_llm_span_of_the_users_own_trace(
    mlflow_server: MLflowServer, local_model: LocalModel, logged: str, around: bool
) -> None:
    application = mlflow.trace(ask, name="application") if around else ask
    with captured() as seen:
        assert application(local_model.start())
    deliver(mlflow_server, logged, trace_of(seen))

    trace = the_only_trace(logged)
    spans = {span.name.partition("?")[0]: span for span in trace.data.spans}
    of_ours = EXPLANATION_NAME.rstrip("?")
    assert set(spans) == {of_ours, "Completions", *(["application"] if around else [])}
    assert len(spans) == len(trace.data.spans)
    late, llm = spans[of_ours], spans["Completions"]
    assert late.parent_id == llm.span_id
    assert llm.start_time_ns <= late.start_time_ns <= late.end_time_ns <= llm.end_time_ns
    assert {a.span_id for a in trace.info.assessments} == {llm.span_id}


def traces_of(experiment: str) -> list[mlflow.entities.Trace]:
    mlflow.flush_trace_async_logging()
    found = mlflow.get_experiment_by_name(experiment)
    return mlflow.search_traces(
        locations=[found.experiment_id], return_type="list", include_spans=False
    )


@pytest.mark.slow
def test_explaining_adds_nothing_to_the_users_traces(logged: str) -> None:
    """Of an endpoint, inside of a trace of theirs, and of a function that calls their client."""
    with serving(lambda prompt: "Paris" if "Eiffel" in prompt else "London") as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none")

        def their_call(prompt: str) -> str:
            messages = [{"role": "user", "content": prompt}]
            reply = client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
            return str(reply.choices[0].message.content)

        their_call("the Eiffel Tower")
        assert len(traces_of(logged)) == 1, "the user's own call is seen"
        model = Endpoint("m", EndpointSettings(base_url=server.base_url))
        explained = smile_trace.explain("the Eiffel Tower", model=model, budget=12)
        assert explained.cost.target_calls == len(server.bodies) - 1 > 4
        smile_trace.explain("the Eiffel Tower", model=their_call, budget=8)
        assert len(traces_of(logged)) == 1

        @mlflow.trace
        def application() -> str:
            return smile_trace.explain("the Eiffel Tower", model=model, budget=12).answer

        assert application() == "Paris"
    assert len(traces_of(logged)) == 2
    newest = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert [span.name for span in newest.data.spans] == ["application"]
