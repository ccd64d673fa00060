"""Our own calls leave no trace in the user's tracker, nor in our own spool."""

import mlflow
import openai
import pytest

import smile_trace
from smile_trace.models.kinds.endpoint import Endpoint
from smile_trace.settings import EndpointSettings
from tests.support.planted import serving

pytestmark = pytest.mark.mlflow


@pytest.fixture
def traces(mlflow_server):
    """The traces of an experiment of its own, with automatic logging switched on."""
    mlflow.set_tracking_uri(mlflow_server.uri)
    experiment = mlflow.set_experiment("invisible")
    mlflow.openai.autolog()

    def found():
        mlflow.flush_trace_async_logging()
        return mlflow.search_traces(
            locations=[experiment.experiment_id], return_type="list", include_spans=False
        )

    yield found
    mlflow.openai.autolog(disable=True)
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def test_explaining_an_endpoint_is_invisible_to_automatic_logging(traces):
    with serving(lambda prompt: "Paris" if "Eiffel" in prompt else "London") as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none")
        messages = [{"role": "user", "content": "the Eiffel Tower"}]
        client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
        assert len(traces()) == 1  # the user's own call is seen
        model = Endpoint("m", EndpointSettings(base_url=server.base_url))
        explanation = smile_trace.explain("the Eiffel Tower", model=model, budget=12)
        assert explanation.cost.target_calls == len(server.bodies) - 1 > 4
        assert len(traces()) == 1


def test_explaining_inside_the_users_own_trace_adds_nothing_to_it(traces):
    known = len(traces())
    with serving(lambda prompt: "Paris" if "Eiffel" in prompt else "London") as server:
        model = Endpoint("m", EndpointSettings(base_url=server.base_url))

        @mlflow.trace
        def application():
            return smile_trace.explain("the Eiffel Tower", model=model, budget=12).answer

        assert application() == "Paris"
    assert len(traces()) == known + 1
    newest = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert [span.name for span in newest.data.spans] == ["application"]


def test_a_users_function_is_not_logged_while_it_is_explained(traces):
    """A function that calls the openai client itself: suppressed for as long as we ask it."""
    known = len(traces())
    with serving(lambda prompt: "Paris") as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none")

        def ask(prompt: str) -> str:
            messages = [{"role": "user", "content": prompt}]
            reply = client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
            return reply.choices[0].message.content  # type: ignore[return-value]

        smile_trace.explain("the Eiffel Tower", model=ask, budget=8)
    assert len(traces()) == known
