"""Which of the certain parts a sentence names, with what is lost without them."""

import re
from collections.abc import Collection, Sequence
from itertools import chain

from smile_trace.records import SegmentAttribution
from smile_trace.records.verdicts import (
    MOST_NAMED,
    effect,
    finest_drivers,
    named_of,
    outermost_drivers,
)

_Parts = Sequence[SegmentAttribution]


def named_drivers(segments: _Parts, coarser: _Parts) -> list[SegmentAttribution]:
    """The strongest of the finest parts, wherever they stand, with the drivers that hold them, and
    the drivers as strong as they are."""
    drivers = outermost_drivers(segments, coarser)
    inside = [finest_inside(driver, segments, coarser) or [driver] for driver in drivers]
    finest = sorted((part for parts in inside for part in parts), key=effect, reverse=True)
    strongest = finest[: named_of(finest)]
    held = [[part for part in parts if part in strongest] for parts in inside]
    printed = [*strongest, *(d for d, parts in zip(drivers, held, strict=True) if parts)]
    weakest = min((part.attribution for part in printed), default=0.0)
    named = [
        [driver, *parts]
        for driver, parts in zip(drivers, held, strict=True)
        if parts or driver is drivers[0] or driver.attribution >= weakest
    ]
    return list(chain(*named[:MOST_NAMED]))


def finest_inside(
    driver: SegmentAttribution, segments: _Parts, coarser: _Parts
) -> list[SegmentAttribution]:
    """The finest parts inside a driver that drive the answer, but for one that is all of it."""
    finest = finest_drivers(driver, segments, coarser)
    return [s for s in finest if words(s.text) != words(driver.text)]


def opponents(segments: _Parts) -> list[SegmentAttribution]:
    """The parts that certainly work against the answer, the strongest first."""
    return sorted((s for s in segments if s.significant and s.attribution < 0), key=effect)


def only_small(parts: _Parts, needed: Collection[str], limit: float) -> bool:
    """Whether parts certainly have an effect, and each of these a small one (`without_small`)."""
    sure = [part for part in parts if part.significant or part.fails_without]
    return bool(sure) and all(is_small(part, needed, limit) for part in sure)


def without_small(parts: _Parts, needed: Collection[str], limit: float) -> list[SegmentAttribution]:
    """The parts, of which a small effect is no finding: it is certain, and one as large as the
    smallest that matters (`limit`) is excluded. `needed`: keys of parts that matter all the same.
    """
    return [
        part.model_copy(update={"significant": False}) if is_small(part, needed, limit) else part
        for part in parts
    ]


def is_small(part: SegmentAttribution, needed: Collection[str], limit: float) -> bool:
    """Whether it certainly has an effect, which is no finding (`without_small`)."""
    certain = part.significant and not part.fails_without
    return certain and part.at_most < limit and part.key not in needed


def words(text: str) -> str:
    """The words of a text, without marks and case."""
    return " ".join(re.findall(r"\w+", text.casefold()))
