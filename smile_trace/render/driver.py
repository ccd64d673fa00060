"""The driver of an answer in a few words, for a column of a list."""

from smile_trace._text.titles import LONGEST, title
from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render.text import short

NO_DRIVER = "(none)"


def driver_text(explanation: Explanation) -> str:
    """The driver on one line of at most 60 characters, a long passage by its title; `NO_DRIVER`
    where no part certainly drives the answer."""
    driver = driver_of(explanation)
    return NO_DRIVER if driver is None else _name(driver)


def driver_of(explanation: Explanation) -> SegmentAttribution | None:
    """The strongest part that the answer depends on; None where none certainly drives it.

    A passage that was looked at more finely stands for its pieces.
    """
    coarser = explanation.coarser
    candidates = [s for s in (*coarser, *explanation.segments) if _drives(s)]
    outermost = [s for s in candidates if not any(map(_drives, _around(s, coarser)))]
    return max(outermost, key=lambda s: s.strength, default=None)


def _name(segment: SegmentAttribution) -> str:
    """A part on one line: its name, of a retrieved document what it is called, of a long passage
    the title, else the name truncated."""
    if segment.title is not None:
        return short(segment.title, LONGEST)
    is_long = len(" ".join(segment.name.split())) > LONGEST
    titled = is_long and segment.unit not in ("word", "sentence")
    return short((title(segment.text) if titled else None) or segment.name, LONGEST)


def _around(
    segment: SegmentAttribution, coarser: tuple[SegmentAttribution, ...]
) -> list[SegmentAttribution]:
    found = []
    while segment.parent is not None:
        segment = coarser[segment.parent]
        found.append(segment)
    return found


def _drives(segment: SegmentAttribution) -> bool:
    return segment.significant and segment.attribution > 0
