"""Which span of a trace in MLflow shows a retrieved document, and at which place."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smile_trace.dialects.documents import text_of
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.presentation import ScoredDocument, present

if TYPE_CHECKING:
    from mlflow.entities.span import Span as MlflowSpan


def placed_documents(
    item: ExplainedCall, span_id: str, own: "Sequence[MlflowSpan] | None"
) -> Iterator[ScoredDocument]:
    """The documents of an explained call, each on the span of the trace that shows it: the one that
    retrieved it, else the call's.

    In the application's own trace, in which our spans are not, a retriever's documents are known
    by their texts.

    Args:
        span_id: of the call in the trace that the explanation goes into.
        own: the spans of that trace where it is the application's own.
    """
    ours = set() if own is not None else {span.span_id for span in item.trace.spans}
    shown = _retrieved(own or ())
    for document in present(item).documents:
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
            text = text_of(one) if isinstance(one, dict) else one
            if isinstance(text, str) and text.strip():
                found.setdefault(_alike(text), (str(span.span_id), position))
    return found


def _alike(text: str) -> str:
    return " ".join(text.split())
