"""The rows of a table of scores: largest first, each passage followed by its pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

from smile_trace.records import Explanation, SegmentAttribution


@dataclass(frozen=True)
class Row:
    """A segment that could be left out; `depth` counts the passages that it lies in."""

    segment: SegmentAttribution
    depth: int


def rows(explanation: Explanation) -> list[Row]:
    """Every segment and passage that could be left out, once."""
    pieces: dict[int | None, list[tuple[SegmentAttribution, int | None]]] = {}
    for place, passage in enumerate(explanation.coarser):
        pieces.setdefault(passage.parent, []).append((passage, place))
    for segment in explanation.segments:
        if not segment.frozen:
            pieces.setdefault(segment.parent, []).append((segment, None))

    def below(parent: int | None, depth: int) -> Iterator[Row]:
        for segment, place in sorted(pieces[parent], key=lambda p: -abs(p[0].attribution)):
            yield Row(segment, depth)
            if place is not None:
                yield from below(place, depth + 1)

    return list(below(None, 0)) if pieces else []
