"""What may be said of a part of a prompt, in one answer or over its calls: the one place that
decides it."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from smile_trace.records.explanation import Interaction, SegmentAttribution

SMALLEST_EFFECT = 0.1
"""The smallest effect that matters unless `[explain] smallest_effect` says otherwise, in units of
answer change: a tenth of the answer."""

Verdict = Literal["supports", "against", "excluded", "open"]
"""`supports`, `against`: significant, by sign. `excluded`: an effect as large as the smallest that
matters is excluded, so that it made no measurable difference. `open`: not measured well enough to
tell."""

NO_DIFFERENCE = "made no measurable difference"
"""What is said of what is excluded, and of nothing else."""

NOT_MEASURED = "not measured well enough to tell"
"""What is said of what is open."""


def decided(
    segments: Iterable["SegmentAttribution"],
    interactions: Iterable["Interaction"] = (),
    *,
    conclusive: bool = True,
    limit: float = SMALLEST_EFFECT,
) -> tuple["SegmentAttribution", ...]:
    """The segments with their verdicts.

    Args:
        segments: of one explanation.
        interactions: its pairs. A part that matters together with another one is never excluded,
            however small its effect is on average.
        conclusive: whether anything can be said at all; if not, nothing is excluded.
        limit: the smallest effect that matters, in units of answer change.
    """
    paired = {key for pair in interactions for key in (pair.first, pair.second)}
    return tuple(
        s.model_copy(
            update={"verdict": verdict_of(s, limit, can_exclude=conclusive and s.key not in paired)}
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


def verdict_of(
    segment: "SegmentAttribution", limit: float = SMALLEST_EFFECT, *, can_exclude: bool = True
) -> Verdict | None:
    """What may be said of a segment by itself; None where it is protected: it was never removed."""
    if segment.protected:
        return None
    if segment.fails_without and not segment.significant:
        return "supports"
    sign = segment.attribution if segment.significant else None
    return verdict_on(sign, segment.at_most, limit, can_exclude=can_exclude)


def verdict_on(
    significant: float | None, at_most: float, limit: float, *, can_exclude: bool = True
) -> Verdict:
    """What may be said of an effect.

    To exclude one takes two one-sided tests at 5 % (Schuirmann 1987): the 90 % interval lies inside
    the limit.

    Args:
        significant: the effect where it is significant, else None.
        at_most: the largest effect in its 90 % interval, of either sign.
        limit: the smallest effect that matters.
        can_exclude: whether enough is known for that.
    """
    if significant is not None:
        return "supports" if significant > 0 else "against"
    return "excluded" if can_exclude and at_most < limit else "open"


def most_of(low: float, high: float) -> float:
    """The largest effect in an interval, of either sign, in [0, 1]."""
    return min(max(abs(low), abs(high)), 1.0)


def in_sentence(verdict: Verdict, at_most: float, of: str = "the answer") -> str:
    """A verdict in the words of a table; of what is open, up to how much it may matter."""
    if verdict == "open":
        return f"{NOT_MEASURED}: up to {round(100 * at_most)} % of {of}"
    return {"supports": "supports", "against": "works against", "excluded": NO_DIFFERENCE}[verdict]
