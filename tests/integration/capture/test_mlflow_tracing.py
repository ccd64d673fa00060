"""The application's own MLflow traces are noted on the call, and left alone: the real MLflow."""

from collections.abc import Iterator

import mlflow
import openai
import pytest

import smile_trace
from smile_trace.models.kinds.local import LocalModel
from smile_trace.records import Call
from smile_trace.testing import Captured

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow with a database of these tests'."""
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")
    mlflow.set_experiment("links")
    yield
    mlflow.flush_trace_async_logging()
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


@smile_trace.trace(model="m")
def ask(prompt: str) -> str:
    return f"answer to {prompt}"


def links(found: Captured) -> list[dict[str, str]]:
    calls: list[Call] = found.calls
    return [dict(call.external_trace) for call in calls]


def test_the_active_trace_and_span(found: Captured) -> None:
    with mlflow.start_span("request") as outer, mlflow.start_span("retrieval") as inner:
        ask("x")
    [noted] = links(found)
    assert noted["mlflow.trace_id"] == inner.trace_id == outer.trace_id
    assert noted["mlflow.span_id"] == inner.span_id
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(outer.trace_id)
    assert trace is not None
    assert {span.name for span in trace.data.spans} == {"request", "retrieval"}


def test_a_finished_trace_is_not_noted(found: Captured) -> None:
    with mlflow.start_span("before"):
        pass
    ask("x")
    [noted] = links(found)
    assert not noted.keys() & {"mlflow.trace_id", "mlflow.span_id"}


@pytest.mark.model
def test_a_trace_that_autolog_made_inside_of_the_call(
    found: Captured, local_model: LocalModel
) -> None:
    client = openai.OpenAI(base_url=str(local_model.start()), api_key="none", max_retries=0)

    @smile_trace.trace(model="m")
    def complete(prompt: str) -> str:
        reply = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": prompt}], max_tokens=2
        )
        return str(reply.choices[0].message.content)

    mlflow.openai.autolog()
    try:
        complete("Say hello.")
        first = mlflow.get_last_active_trace_id(thread_local=True)
        complete("Say it again.")
        second = mlflow.get_last_active_trace_id(thread_local=True)
        ask("not to MLflow")
    finally:
        mlflow.openai.autolog(disable=True)
    noted = [link.get("mlflow.trace_id") for link in links(found)]
    assert first is not None
    assert noted == [first, second, None]
    assert first != second
