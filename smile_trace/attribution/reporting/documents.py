"""Each retrieved document with the attribution of what was removed of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smile_trace.records import (
    Document,
    DocumentAttribution,
    Explanation,
    Measured,
    Place,
    SegmentAttribution,
    Verdict,
)
from smile_trace.records.verdicts import joint

NEARLY_ALL = 0.8
"""Share of a segment's characters that are the document's, where the segment stands for it."""


@dataclass(frozen=True)
class Found:
    """What was measured of a place: the segment that stands for it, the pieces of it, or the
    smallest one around it."""

    measured: Measured
    segments: tuple[SegmentAttribution, ...] = ()

    @property
    def alone(self) -> SegmentAttribution | None:
        """The segment that stands for the place."""
        return self.segments[0] if self.measured == "alone" else None

    @property
    def significant(self) -> bool:
        """Whether one of them certainly matters."""
        return any(segment.significant for segment in self.segments)

    @property
    def verdict(self) -> Verdict | None:
        """What may be said of all of them; None of nothing."""
        return joint([segment.verdict for segment in self.segments]) if self.segments else None


def document_attributions(
    documents: Sequence[Document], explanation: Explanation
) -> Iterator[DocumentAttribution]:
    """The documents that stand in the messages, each with what was measured of it."""
    known = [document for document in documents if document.place is not None]
    places = [document.place for document in known if document.place is not None]
    for document, place in zip(known, places, strict=True):
        found = measured_at(place, [other for other in places if other != place], explanation)
        own = found.alone
        yield DocumentAttribution(
            **document.model_dump(exclude={"text"}),
            measured=found.measured,
            attribution=None if own is None else own.attribution,
            ci_low=None if own is None else own.ci_low,
            ci_high=None if own is None else own.ci_high,
            p_value=None if own is None else own.p_value,
            significant=found.significant,
            verdict=found.verdict,
        )


def measured_at(place: Place, others: Sequence[Place], explanation: Explanation) -> Found:
    """What was measured of a place in the messages.

    Args:
        place: message, start, end.
        others: further places; a segment that touches one of them does not stand for this one.
        explanation: of the call with these messages.
    """
    everything = (*explanation.coarser, *explanation.segments)
    free = [s for s in everything if not s.protected]
    around = [s for s in free if any(holds(p, place) for p in s.places)]
    pieces = [s for s in free if s not in around and any(overlap(p, place) for p in s.places)]
    alone = [s for s in around if _stands_for(s, place, others)]
    if alone:
        return Found("alone", (min(alone, key=_size),))
    if pieces:
        return Found("in_pieces", tuple(pieces))
    if around:
        return Found("with_others", (min(around, key=_size),))
    return Found("never")


def _stands_for(segment: SegmentAttribution, place: Place, others: Sequence[Place]) -> bool:
    """Whether a segment around a document holds nothing else that counts."""
    if any(overlap(p, other) for p in segment.places for other in others):
        return False
    return segment.unit == "document" or place[2] - place[1] >= NEARLY_ALL * _size(segment)


def _size(segment: SegmentAttribution) -> int:
    return sum(end - start for _, start, end in segment.places)


def holds(outer: Place, inner: Place) -> bool:
    """Whether a place is within another one."""
    return outer[0] == inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2]


def overlap(a: Place, b: Place) -> bool:
    """Whether two places share a character."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
