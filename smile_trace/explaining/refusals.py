"""Without which parts of the prompt the model refuses, in a sentence."""

from collections.abc import Sequence

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed
from smile_trace.records import Explanation, Observation, SegmentAttribution
from smile_trace.records.formats.answers import read_refusal

_CLEARLY = 0.9
"""Share of requests from which on a part decides: so many are refused without it, say, and at most
the rest with it."""
_MOST_NAMED = 3


def refusals(explanation: Explanation) -> str | None:
    """Which parts decide whether the model refuses, or how often it did; None where it never did.

    "Without “for a chemistry class” the model refuses." "Only with “explosives” the model refuses."
    """
    refused = read_refusal(explanation.answer) is not None
    rows = [row for row in explanation.perturbations if row.kind != "baseline"]
    known = [(row, _refused(row)) for row in rows if row.response is not None]
    count = sum(is_refusal for _, is_refusal in known)
    if not count and not refused:
        return None
    decisive = [
        segment
        for segment in explanation.drivers
        if _decides(explanation, segment, known, without=not refused)
    ]
    if decisive:
        named = listed([f"“{presentable(s.name, longest=60)}”" for s in decisive[:_MOST_NAMED]])
        return f"{'Only with' if refused else 'Without'} {named} the model refuses."
    every = "all" if count == len(known) else f"{count} of"
    return f"The model refused {every} {len(known)} perturbed requests."


def _decides(
    explanation: Explanation,
    segment: SegmentAttribution,
    rows: Sequence[tuple[Observation, bool]],
    *,
    without: bool,
) -> bool:
    """Whether requests are refused without the segment, and only then; with `without` False, with
    the segment, and only then."""
    shares = []
    for held in (not without, without):
        found = [r for row, r in rows if _holds(explanation, segment, row) is held]
        if not found:
            return False
        shares.append(sum(found) / len(found))
    return shares[0] >= _CLEARLY and shares[1] <= 1 - _CLEARLY


def _holds(explanation: Explanation, segment: SegmentAttribution, row: Observation) -> bool | None:
    """Whether the segment was in a request; None where it was not removed in one piece."""
    keys = explanation.partitions[row.level]
    return row.mask[keys.index(segment.key)] if segment.key in keys else None


def _refused(row: Observation) -> bool:
    return read_refusal(row.response or "") is not None
