"""The verdicts on pooled influences, by `records.verdicts`, and shares of calls."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from smile_trace._stats.false_discoveries import adjusted
from smile_trace._stats.intervals import Estimated, newcombe, wilson
from smile_trace.comparison.pooled_effects import Array, Pooled
from smile_trace.records.report import Change, Share
from smile_trace.records.verdicts import Verdict, most_of, verdict_on

LEVEL = 0.9
"""Nominal coverage of intervals: both ends of a 90 % interval are one-sided tests at 5 %."""
ALPHA = 0.05
"""False discovery rate of corrected tests."""
MIN_CALLS = 10
"""Calls below which everything is open: a few may agree by chance, with no standard error."""


@dataclass(frozen=True)
class PooledVerdict:
    """The verdict on one segment, and the statistics behind it.

    `low` and `high` are the ends of the interval, in [-1, 1]. `p_value` is two-sided for "no
    influence at all", None if the standard error is infinite; `significant` after
    Benjamini–Hochberg over the template's segments. `may_need` is the upper 95 % bound on the share
    of calls that lose the smallest effect without it, whatever its mean influence. `elsewhere` is
    the most that it may matter where no row tells. `calls_needed` would settle an open segment;
    None if unknown.
    """

    verdict: Verdict
    low: float
    high: float
    p_value: float | None
    significant: bool
    may_need: float
    elsewhere: float
    calls_needed: int | None


def pooled_verdicts(pooled: Pooled, limit: float) -> list[PooledVerdict]:
    """Judge a template's segments; `limit` is the smallest effect that matters, in answer
    change."""
    freedom = np.maximum(pooled.calls - 1, 1)
    p_zero = _two_sided(pooled.influence, pooled.error, freedom)
    significant = adjusted(p_zero) <= ALPHA
    half = scipy.stats.t.ppf((1 + LEVEL) / 2, freedom)
    verdicts = []
    for i, (influence, error) in enumerate(zip(pooled.influence, pooled.error, strict=True)):
        known = bool(np.isfinite(error))
        enough = known and bool(pooled.calls[i] >= MIN_CALLS)
        low = max(float(influence - half[i] * error), -1.0) if known else -1.0
        high = min(float(influence + half[i] * error), 1.0) if known else 1.0
        sure = influence if enough and significant[i] else None
        elsewhere = max(pooled.held.get(i, (0.0,))) if enough else 1.0
        verdict = verdict_on(sure, max(most_of(low, high), elsewhere), limit)
        needed = None
        if verdict == "open" and not (enough and elsewhere >= limit):
            needed = calls_needed(influence, error, int(pooled.calls[i]), limit)
        verdicts.append(
            PooledVerdict(
                verdict=verdict,
                low=low,
                high=high,
                p_value=float(p_zero[i]) if known else None,
                significant=sure is not None,
                may_need=may_need(pooled.tried[i], pooled.lost[i]),
                elsewhere=elsewhere,
                calls_needed=needed,
            )
        )
    return verdicts


def _two_sided(estimate: Array, error: Array, freedom: NDArray[np.int_]) -> Array:
    """p-values of "the true value is zero"; 1 if the error is infinite, 0 or 1 if it is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, np.abs(estimate) / error, np.where(estimate == 0, 0.0, np.inf))
    p_values: Array = 2 * scipy.stats.t.sf(t, freedom)
    return p_values


def may_need(tried: float, lost: float) -> float:
    """Upper 95 % bound on the share of calls that need a segment (Clopper & Pearson 1934): about
    3/m if none of m calls needs it (Hanley & Lippman-Hand 1983), 1 without calls."""
    if tried <= 0 or lost >= tried:
        return 1.0
    return float(min(scipy.stats.beta.ppf(1 - ALPHA, lost + 1, tried - lost), 1.0))


def calls_needed(influence: float, error: float, calls: int, limit: float) -> int | None:
    """About how many calls would settle a segment with this influence, at 80 % power. Settled means
    that an effect is either excluded, which takes a standard error of (limit − |influence|)/2.93
    (two one-sided tests at 5 %), or found, which takes |influence|/2.80."""
    if not np.isfinite(error):
        return None
    excluded = (limit - abs(influence)) / (scipy.stats.norm.ppf(0.95) + scipy.stats.norm.ppf(0.9))
    found = abs(influence) / (scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8))
    return max(calls + 1, MIN_CALLS, int(np.ceil(calls * (error / max(excluded, found)) ** 2)))


def share_of(count: int, known: int, still_open: int = 0, *, trials: float | None = None) -> Share:
    """`count` of `known`; the interval is Wilson's (1927), widened to what the share of all would
    be whatever the open ones are (Manski 1989): they are not open at random. All of [0, 1] if
    nothing is known. `trials`: how many independent ones these are worth, by default all."""
    if not known:
        return Share(count=0, of=0, open=still_open, share=0.0, low=0.0, high=1.0)
    every = known + still_open
    worth = 1.0 if trials is None else trials / every
    low, _ = wilson(count * worth, every * worth, LEVEL)
    _, high = wilson((count + still_open) * worth, every * worth, LEVEL)
    return Share(
        count=count,
        of=known,
        open=still_open,
        share=count / known,
        low=low,
        high=high,
    )


def share_with(effects: Sequence[Verdict], counted: Sequence[Verdict]) -> Share:
    """The share with one of these effects among the verdicts that are not open."""
    known = [effect for effect in effects if effect != "open"]
    count = sum(effect in counted for effect in known)
    return share_of(count, len(known), len(effects) - len(known))


def change_of(before: Share, now: Share) -> Change | None:
    """The growth of a share, with Newcombe's interval (1998, method 10) of the difference of two
    independent shares; None if either is unknown."""
    if not before.of or not now.of:
        return None
    after, earlier = (Estimated(share.share, share.low, share.high) for share in (now, before))
    grown = newcombe(after, earlier)
    return Change(before=before, grown=grown.value, low=grown.low, high=grown.high)
