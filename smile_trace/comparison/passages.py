"""Which instructions and documents mattered, call by call: explanations of many calls together."""

from collections.abc import Iterable, Sequence

import numpy as np

from smile_trace._text.titles import title
from smile_trace.comparison.answers import mean_interval
from smile_trace.records import SegmentAttribution, Unit
from smile_trace.records.comparison import Passage

MIN_CALLS = 2
"""A passage of one call only says nothing about the prompt."""
MAX_PASSAGES = 40
_TITLED: tuple[Unit, ...] = ("document", "section", "example", "message", "tool_result")


def passages(explained: Iterable[Sequence[SegmentAttribution]]) -> tuple[Passage, ...]:
    """The passages that several calls have in common, those that mattered most often first.

    A passage is the same in two calls where it is a document of the same title, or the same text.

    Args:
        explained: the segments of each call's explanation.
    """
    found: dict[tuple[Unit, str], list[SegmentAttribution]] = {}
    for segments in explained:
        for key, segment in _strongest(segments).items():
            found.setdefault(key, []).append(segment)
    shared = [_passage(*key, s) for key, s in found.items() if len(s) >= MIN_CALLS]
    ordered = sorted(shared, key=lambda p: (-p.mattered, -p.attribution, p.text))
    return tuple(ordered[:MAX_PASSAGES])


def _strongest(
    segments: Sequence[SegmentAttribution],
) -> dict[tuple[Unit, str], SegmentAttribution]:
    """The segments of a call by unit and name; of two of one name the stronger one."""
    found: dict[tuple[Unit, str], SegmentAttribution] = {}
    for segment in segments:
        if segment.protected or not any(c.isalnum() for c in segment.text):
            continue
        key = segment.unit, _name(segment)
        if key not in found or abs(segment.attribution) > abs(found[key].attribution):
            found[key] = segment
    return found


def _name(segment: SegmentAttribution) -> str:
    named = segment.title or (title(segment.text) if segment.unit in _TITLED else None)
    return named or " ".join(segment.text.split())


def mean_attribution(
    measured: Sequence[tuple[float, float, float]],
) -> tuple[float, float, float]:
    """The mean attribution over calls with its interval, from one of each with the ends of its own
    interval."""
    values = np.array([value for value, _, _ in measured])
    low, high = mean_interval(values, least=-1.0)
    # The calls may share their masks, and with them their chance errors: no average removes these.
    own = [(low_end - value, high_end - value) for value, low_end, high_end in measured]
    down, up = (float(ends.mean()) for ends in np.array(own).T)
    centre = float(values.mean())
    return centre, max(min(low, centre + down), -1.0), min(max(high, centre + up), 1.0)


def _passage(unit: Unit, name: str, segments: Sequence[SegmentAttribution]) -> Passage:
    measured = [(s.attribution, s.ci_low, s.ci_high) for s in segments]
    centre, low, high = mean_attribution(measured)
    return Passage(
        text=name,
        unit=unit,
        calls=len(segments),
        mattered=sum(s.significant and s.attribution > 0 for s in segments),
        against=sum(s.significant and s.attribution < 0 for s in segments),
        open=sum(s.verdict == "open" for s in segments),
        attribution=centre,
        ci_low=low,
        ci_high=high,
    )
