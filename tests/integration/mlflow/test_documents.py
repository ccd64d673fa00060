"""What each retrieved document did stands on it in MLflow, whichever framework retrieved it."""

from collections.abc import Callable
from typing import Any

import mlflow
import pytest

import smile_trace
from smile_trace.records import Explanation, Trace
from smile_trace.testing import captured
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace.trackers.scored_documents import DOCUMENT, NOT_MEASURED
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.assessments import CHUNK
from smile_trace_mlflow.server import Server
from smile_trace_mlflow.spans import shown_in
from tests.support.mlflow_server import MLflowServer
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


def deliver(server: MLflowServer, trace: Trace, explanation: Explanation) -> mlflow.entities.Trace:
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


@pytest.mark.parametrize(
    "make", [langchain, langchain_by_mlflow, llamaindex, plain], ids=lambda make: make.__name__
)
def test_each_attribution_stands_on_its_document(
    mlflow_server: MLflowServer, make: Callable[[], Trace]
) -> None:
    trace = make()
    explanation = explained(trace)
    assert [document.measured for document in explanation.documents] == ["alone", "alone"]
    found = deliver(mlflow_server, trace, explanation)
    said = of_documents(found)
    assert len(said) == 2
    [retriever] = {a.span_id for a in said}
    [span] = [span for span in found.data.spans if span.span_id == retriever]
    assert span.span_type == "RETRIEVER"
    texts = [document["page_content"] for document in span.outputs]
    values = {texts[int(a.metadata[CHUNK])]: a.value for a in said}
    of_warranty, of_returns = values.pop(WARRANTY), *values.values()
    assert of_warranty > 0.5
    assert abs(of_returns) < 0.05
    assert {a.span_id for a in found.info.assessments if a.name != DOCUMENT} != {retriever}


def test_recorded_with_the_call_they_stand_on_the_call(mlflow_server: MLflowServer) -> None:
    with captured() as seen:

        @smile_trace.trace(model="m")
        def answer(prompt: str) -> str:
            smile_trace.record(documents=[RETURNS, {"content": WARRANTY, "source": "warranty.md"}])
            return "It lasts 24 months."

        answer(f"{RETURNS} {WARRANTY} How long is the warranty of my kettle?")
    trace = trace_of(list(seen.spans))
    found = deliver(mlflow_server, trace, explained(trace))
    said = {a.metadata[CHUNK]: a for a in of_documents(found)}
    assert {a.span_id for a in said.values()} == {trace.calls[0].span_id}
    assert said["1"].metadata["smile.document"] == "warranty.md"
    assert said["1"].rationale.startswith("warranty.md: +")
    assert said["1"].rationale.endswith("the answer depends on it")
    assert said["0"].rationale.startswith("document 1: ")


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
    found = deliver(mlflow_server, trace, pieces)
    said = of_documents(found)
    assert [a.value for a in said] == [NOT_MEASURED] * 2
    assert all("removed in pieces" in a.rationale for a in said)


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
    found = deliver(mlflow_server, trace, explained(trace))
    assert len(downloads) == 2  # it is delivered twice
    spans = {span.name: span.span_id for span in found.data.spans}
    by_span = {a.span_id: a for a in of_documents(found)}
    assert set(by_span) == {spans["search"], spans["call"]}
    warranty = by_span[spans["search"]]
    assert warranty.metadata[CHUNK] == "1"
    assert warranty.metadata["smile.document"] == "warranty.md"
    assert warranty.value > 0.5
