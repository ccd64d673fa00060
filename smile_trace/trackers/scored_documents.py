"""What an explanation says of each retrieved document, as trackers show it on the document."""

from collections.abc import Iterator
from typing import NamedTuple

from smile_trace.render.phrases import document_sentence
from smile_trace.render.text import short
from smile_trace.trackers.protocol import ExplainedCall

DOCUMENT = "smile.document_attribution"
"""What the score is called in every tracker."""
NOT_MEASURED = "not measured"
LONGEST = 1000
"""Characters of the sentence."""


class ScoredDocument(NamedTuple):
    """A document at its place among those that a span retrieved, from 0.

    `value` is its attribution, None where it was not removed alone; `said` is the sentence about
    it; `name` is its source or id, if it has one.
    """

    text: str
    span_id: str | None
    position: int
    value: float | None
    said: str
    name: str | None


def scored_documents(item: ExplainedCall) -> Iterator[ScoredDocument]:
    """The documents that stand in the messages of an explained call."""
    texts = [document.text for document in item.call.documents if document.place is not None]
    for place, document in enumerate(item.explanation.documents):
        value = document.attribution
        yield ScoredDocument(
            text=texts[place] if place < len(texts) else "",
            span_id=document.span_id,
            position=place if document.position is None else document.position,
            value=None if value is None else round(value, 4),
            said=short(document_sentence(document), LONGEST),
            name=document.source or document.id,
        )
