"""An application that traces with MLflow: the heatmap is in its trace, our calls are nowhere."""

from collections.abc import Iterator

import mlflow
import openai
import pytest

import smile_trace
from smile_trace.models.kinds.endpoint import Endpoint, EndpointSettings
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import serving

pytestmark = pytest.mark.mlflow


@pytest.fixture
def logged(mlflow_server: MLflowServer) -> Iterator[str]:
    name = mlflow_server.new_experiment()
    mlflow.set_experiment(name)
    mlflow.openai.autolog()
    yield name
    mlflow.openai.autolog(disable=True)


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
