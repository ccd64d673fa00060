"""The rows of a table of scores: largest first, each passage followed by its segments."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from smile_trace._text.lists import ordinal
from smile_trace.records import Explanation, Place, SegmentAttribution


@dataclass(frozen=True)
class Row:
    """A segment or passage that can be removed.

    `depth` counts the passages that contain it. `which` is "the second" where its text occurs
    more than once in the passage of the row `within`, or in the whole prompt where that is None;
    else empty. `parent` is the passage that directly contains it.
    """

    segment: SegmentAttribution
    depth: int
    which: str
    within: "Row | None"
    parent: SegmentAttribution | None = None


def rows(explanation: Explanation) -> list[Row]:
    """Every segment and passage that can be removed, once."""
    pieces: dict[int | None, list[tuple[SegmentAttribution, int | None]]] = {}
    for place, passage in enumerate(explanation.coarser):
        pieces.setdefault(passage.parent, []).append((passage, place))
    for segment in explanation.segments:
        if not segment.protected:
            pieces.setdefault(segment.parent, []).append((segment, None))

    numbers = _numbers(explanation)
    passages: dict[int | None, Row] = {}

    def below(parent: int | None, depth: int) -> Iterator[Row]:
        for segment, place in sorted(pieces[parent], key=lambda p: -abs(p[0].strength)):
            which, scope = numbers[parent, segment.places]
            around = None if parent is None else explanation.coarser[parent]
            row = Row(segment, depth, which, passages.get(scope), around)
            yield row
            if place is not None:
                passages[place] = row
                yield from below(place, depth + 1)

    return list(below(None, 0)) if pieces else []


_Scope = int | None
"""The passage in which equal texts are counted; None for the whole prompt."""

_Numbers = dict[tuple[int | None, tuple[Place, ...]], tuple[str, _Scope]]
"""By the parent and the places of a segment."""


def _numbers(explanation: Explanation) -> _Numbers:
    """Which of the equal texts each segment is, counted as the summary counts them.

    Segments inside a passage that drives the answer are counted within it; all others among the
    segments with the same parent.
    """
    everything = sorted([*explanation.segments, *explanation.coarser], key=lambda s: s.places)
    inside = [
        (driver, segment)
        for segment in explanation.segments
        if not segment.protected and (driver := _driver_above(segment, explanation)) is not None
    ]
    return _counted((s.parent, s) for s in everything) | _counted(inside)


def _driver_above(segment: SegmentAttribution, explanation: Explanation) -> int | None:
    """The outermost passage that contains it and drives the answer."""
    found = None
    while (parent := segment.parent) is not None:
        segment = explanation.coarser[parent]
        if segment.significant and segment.attribution > 0:
            found = parent
    return found


def _counted(segments: Iterable[tuple[_Scope, SegmentAttribution]]) -> _Numbers:
    """Number equal texts within each scope; `segments` are in the order of the prompt."""
    equal: dict[tuple[_Scope, str, bool], list[SegmentAttribution]] = {}
    for scope, segment in segments:
        text = " ".join(segment.name.split()), bool(segment.also)
        equal.setdefault((scope, *text), []).append(segment)
    return {
        (segment.parent, segment.places): (
            f"the {ordinal(number)}" if len(same) > 1 and not _has_name(segment) else "",
            scope,
        )
        for (scope, *_), same in equal.items()
        for number, segment in enumerate(same)
    }


def _has_name(segment: SegmentAttribution) -> bool:
    """Whether the summary names it otherwise than by its text: as a message or a variable."""
    return segment.unit == "message" or (segment.unit == "variable" and ":var:" in segment.key)
