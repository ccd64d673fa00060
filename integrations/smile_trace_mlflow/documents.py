"""Which span of a trace in MLflow shows a retrieved document, and at which place."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.scored_documents import ScoredDocument, scored_documents
from smile_trace_mlflow.spans import mlflow_trace_id

if TYPE_CHECKING:
    from mlflow.entities.span import Span as MlflowSpan

    from smile_trace_mlflow.server import Server


def placed_documents(
    server: "Server", item: ExplainedCall, trace_id: str, span_id: str
) -> Iterator[ScoredDocument]:
    """The documents of an explained call, each on the span of the trace that shows it: the one that
    retrieved it, else the call's.

    In the application's own trace, in which our spans are not, a retriever's documents are known
    by their texts.

    Args:
        trace_id: of the trace that the explanation goes into.
        span_id: of the call in it.
    """
    ours = {span.span_id for span in item.trace.spans}
    documents = list(scored_documents(item))
    shown: dict[str, tuple[str, int]] = {}
    if documents and trace_id != mlflow_trace_id(item.trace):
        ours = set()
        with server.reading():
            shown = _retrieved(server.spans(trace_id))
    for document in documents:
        if document.span_id not in ours:
            there, position = shown.get(_alike(document.text), (span_id, document.position))
            document = document._replace(span_id=there, position=position)
        yield document


def _retrieved(spans: Sequence["MlflowSpan"]) -> dict[str, tuple[str, int]]:
    """By a document's text: the first span that retrieved it, and its place there."""
    found: dict[str, tuple[str, int]] = {}
    for span in spans:
        outputs = span.outputs if span.span_type == "RETRIEVER" else None
        for position, one in enumerate(outputs if isinstance(outputs, list) else ()):
            text = one.get("page_content") if isinstance(one, dict) else one
            if isinstance(text, str) and text.strip():
                found.setdefault(_alike(text), (str(span.span_id), position))
    return found


def _alike(text: str) -> str:
    return " ".join(text.split())
