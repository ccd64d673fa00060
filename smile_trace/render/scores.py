"""The rows of a table of scores: largest first, each passage followed by its pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

from smile_trace.records import Explanation, Place, SegmentAttribution
from smile_trace.records.ordinals import ordinal


@dataclass(frozen=True)
class Row:
    """A segment that could be left out.

    `depth` counts the passages that it lies in. `which` is "the second" where the prompt says its
    text more than once, else empty.
    """

    segment: SegmentAttribution
    depth: int
    which: str


def rows(explanation: Explanation) -> list[Row]:
    """Every segment and passage that could be left out, once."""
    pieces: dict[int | None, list[tuple[SegmentAttribution, int | None]]] = {}
    for place, passage in enumerate(explanation.coarser):
        pieces.setdefault(passage.parent, []).append((passage, place))
    for segment in explanation.segments:
        if not segment.frozen:
            pieces.setdefault(segment.parent, []).append((segment, None))

    which = _which(explanation)

    def below(parent: int | None, depth: int) -> Iterator[Row]:
        for segment, place in sorted(pieces[parent], key=lambda p: -abs(p[0].attribution)):
            yield Row(segment, depth, which.get((parent, segment.places), ""))
            if place is not None:
                yield from below(place, depth + 1)

    return list(below(None, 0)) if pieces else []


def _which(explanation: Explanation) -> dict[tuple[int | None, tuple[Place, ...]], str]:
    """Which of those with its text a segment is, by its passage and its places; counted as the
    summary counts them, so that both say the same."""
    alike: dict[tuple[int | None, str], list[tuple[Place, ...]]] = {}
    for segment in sorted([*explanation.segments, *explanation.coarser], key=lambda s: s.places):
        text = " ".join(segment.text.split())
        alike.setdefault((segment.parent, text), []).append(segment.places)
    return {
        (parent, places): f"the {ordinal(number)}"
        for (parent, _), same in alike.items()
        if len(same) > 1
        for number, places in enumerate(same)
    }
