"""What may be said of a part of a prompt: the one place that decides it."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from smile_trace.records.explanation import Interaction, SegmentAttribution

SMALLEST_EFFECT = 0.1
"""The smallest effect that matters, in units of answer change: a tenth of the answer."""

Verdict = Literal["supports", "against", "excluded", "open"]
"""`supports`, `against`: significant, by sign. `excluded`: an effect as large as `SMALLEST_EFFECT`
is excluded, so that it made no measurable difference. `open`: not measured well enough to tell."""


NO_DIFFERENCE = "made no measurable difference"
"""What is said of what is excluded, and of nothing else."""

NOT_MEASURED = "not measured well enough to tell"
"""What is said of what is open."""


def decided(
    segments: Iterable["SegmentAttribution"],
    interactions: Iterable["Interaction"] = (),
    *,
    conclusive: bool = True,
) -> tuple["SegmentAttribution", ...]:
    """The segments with their verdicts.

    Args:
        segments: of one explanation.
        interactions: its pairs. A part that matters together with another one is never excluded,
            however small its effect is on average.
        conclusive: whether anything can be said at all; if not, nothing is excluded.
    """
    paired = {key for pair in interactions for key in (pair.first, pair.second)}
    return tuple(
        s.model_copy(
            update={"verdict": verdict_of(s, can_exclude=conclusive and s.key not in paired)}
        )
        for s in segments
    )


def joint(verdicts: Collection[Verdict | None]) -> Verdict:
    """What may be said of several parts at once: that one of them matters, that all are excluded,
    or nothing."""
    for verdict in ("supports", "against"):
        if verdict in verdicts:
            return verdict
    return "excluded" if verdicts and all(v == "excluded" for v in verdicts) else "open"


def verdict_of(segment: "SegmentAttribution", *, can_exclude: bool = True) -> Verdict | None:
    """What may be said of a segment by itself; None where it is protected: it was never removed.

    To exclude an effect takes two one-sided tests at 5 %: the 90 % interval lies inside the limit.
    """
    if segment.protected:
        return None
    if segment.significant:
        return "supports" if segment.attribution > 0 else "against"
    if segment.fails_without:
        return "supports"
    return "excluded" if can_exclude and segment.at_most < SMALLEST_EFFECT else "open"
