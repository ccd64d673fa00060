"""Which of the certain parts a sentence names with what is lost without them; others it counts."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smile_trace.records import SegmentAttribution
from smile_trace.records.verdicts import (
    MOST_NAMED,
    NAMED,
    effect,
    finest_drivers,
    named_of,
    outermost_drivers,
)


class NamedDriver(NamedTuple):
    """A driver that is named, the finest parts inside it that are, too, and the others of these."""

    driver: SegmentAttribution
    inner: list[SegmentAttribution]
    others: list[SegmentAttribution]


def named_drivers(
    segments: Sequence[SegmentAttribution], coarser: Sequence[SegmentAttribution]
) -> tuple[list[NamedDriver], list[SegmentAttribution]]:
    """The strongest of the finest parts, wherever they stand, with the drivers that hold them, and
    the drivers as strong as they are; of each driver that is not named the part that may have the
    largest effect."""
    outermost = outermost_drivers(segments, coarser)
    finest = [
        [s for s in finest_drivers(whole, segments, coarser) if words(s.text) != words(whole.text)]
        for whole in outermost
    ]
    drivers = list(zip(outermost, finest, strict=True))
    parts = [part for driver, inside in drivers for part in inside or [driver]]
    parts.sort(key=effect, reverse=True)
    strongest = parts[: named_of(parts)]
    printed = [*strongest, *(d for d, inside in drivers if any(s in strongest for s in inside))]
    weakest = min((part.attribution for part in printed), default=0.0)
    named, left = list[NamedDriver](), list[SegmentAttribution]()
    for driver, inside in drivers:
        inner = [s for s in inside if s in strongest]
        is_strong = inner or driver.attribution >= weakest or not named
        if len(named) == MOST_NAMED or not is_strong:
            left.append(max([driver, *inside], key=lambda s: s.ci_high))
        else:
            named.append(NamedDriver(driver, inner, [s for s in inside if s not in inner]))
    return named, left


def opponents(segments: Sequence[SegmentAttribution]) -> list[SegmentAttribution]:
    """The parts that certainly work against the answer, the strongest first."""
    return sorted((s for s in segments if s.significant and s.attribution < 0), key=effect)


def named_parts(
    segments: Sequence[SegmentAttribution], coarser: Sequence[SegmentAttribution]
) -> Iterator[SegmentAttribution]:
    """The parts beside whose names a sentence says what is lost without them."""
    for driver, inner, _ in named_drivers(segments, coarser)[0]:
        yield from (driver, *inner)
    yield from opponents(segments)[:NAMED]


def words(text: str) -> str:
    """The words of a text, without marks and case."""
    return " ".join(re.findall(r"\w+", text.casefold()))
