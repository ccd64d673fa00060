"""Each retrieved document with the attribution of what was removed of it."""

from collections.abc import Iterator, Sequence

from smile_trace.records import (
    Document,
    DocumentAttribution,
    Explanation,
    Measured,
    Place,
    SegmentAttribution,
)

NEARLY_ALL = 0.8
"""Share of a segment's characters that are the document's, where the segment stands for it."""


def document_attributions(
    documents: Sequence[Document], explanation: Explanation
) -> Iterator[DocumentAttribution]:
    """The documents that stand in the messages, each with what was measured of it."""
    known = [document for document in documents if document.place is not None]
    places = [document.place for document in known if document.place is not None]
    everything = [*explanation.coarser, *explanation.segments]
    for document, place in zip(known, places, strict=True):
        others = [other for other in places if other != place]
        yield DocumentAttribution(
            **document.model_dump(exclude={"text"}),
            **_found(place, others, everything),
        )


def _found(
    place: Place, others: Sequence[Place], segments: Sequence[SegmentAttribution]
) -> dict[str, object]:
    """What was measured of the document at a place."""
    free = [s for s in segments if not s.protected]
    around = [s for s in free if any(_holds(p, place) for p in s.places)]
    pieces = [s for s in free if s not in around and any(_overlaps(p, place) for p in s.places)]
    alone = [s for s in around if _stands_for(s, place, others)]
    if alone:
        own = min(alone, key=_size)
        measured = own.model_dump(
            include={"attribution", "ci_low", "ci_high", "p_value", "significant"}
        )
        return {"measured": "alone", **measured}
    how: Measured = "in_pieces" if pieces else "with_others" if around else "never"
    touched = pieces or sorted(around, key=_size)[:1]
    return {"measured": how, "significant": any(s.significant for s in touched)}


def _stands_for(segment: SegmentAttribution, place: Place, others: Sequence[Place]) -> bool:
    """Whether a segment around a document holds nothing else that counts."""
    if any(_overlaps(p, other) for p in segment.places for other in others):
        return False
    return segment.unit == "document" or place[2] - place[1] >= NEARLY_ALL * _size(segment)


def _size(segment: SegmentAttribution) -> int:
    return sum(end - start for _, start, end in segment.places)


def _holds(outer: Place, inner: Place) -> bool:
    return outer[0] == inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2]


def _overlaps(a: Place, b: Place) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
