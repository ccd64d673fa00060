"""Dead, critical, or not to be said yet: what a pooled influence allows to conclude."""

from dataclasses import dataclass

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.pooled_effects import Pooled
from smile_trace.comparison.regression import Array
from smile_trace.records.comparison import Verdict

LEVEL = 0.9
"""Nominal coverage of intervals. The two one-sided tests at 5 % are this interval's two ends."""
ALPHA = 0.05
FEWEST_CALLS = 10
"""Calls below which nothing is concluded: few calls of a deterministic model may agree by chance
and leave no standard error at all."""
CRITICAL = 0.25
"""A segment whose influence is surely above a quarter of the answer carries it."""


@dataclass(frozen=True)
class Judgement:
    """What is said of one segment.

    `p_value` is two-sided for "no influence at all"; `significant` after Benjamini–Hochberg
    over the template's segments. `may_need` bounds, with 95 % confidence, the share of calls
    that need the segment all the same. `calls_needed` is how many calls would settle an
    inconclusive one, None where the rows do not say.
    """

    verdict: Verdict
    low: float
    high: float
    p_value: float | None
    significant: bool
    p_dead: float
    may_need: float
    calls_needed: int | None


def judge(pooled: Pooled, delta: float) -> list[Judgement]:
    """Judge every segment of one template.

    `dead`: both one-sided tests of |influence| < δ (Schuirmann 1987) hold at 5 % after
    Benjamini–Hochberg over the segments. `critical`: the interval's lower end is at least
    CRITICAL. `matters`: significantly different from zero. Else `inconclusive`.

    Args:
        delta: the margin δ in units of shift.
    """
    freedom = max(pooled.calls - 1, 1)
    p_zero = two_sided(pooled.influence, pooled.error, freedom)
    p_dead = _equivalence(pooled.influence, pooled.error, freedom, delta)
    significant, dead = corrected(p_zero) <= ALPHA, corrected(p_dead) <= ALPHA
    half = stats.t.ppf((1 + LEVEL) / 2, freedom)
    judgements = []
    for i, (influence, error) in enumerate(zip(pooled.influence, pooled.error, strict=True)):
        known = bool(np.isfinite(error))
        enough = known and pooled.calls >= FEWEST_CALLS
        low = max(influence - half * error, -1.0) if known else -1.0
        high = min(influence + half * error, 1.0) if known else 1.0
        verdict: Verdict = "inconclusive"
        if enough and dead[i]:
            verdict = "no_effect"
        elif enough and low >= CRITICAL:
            verdict = "essential"
        elif enough and significant[i]:
            verdict = "matters"
        needed = None
        if verdict == "inconclusive":
            needed = calls_needed(influence, error, pooled.calls, delta)
        judgements.append(
            Judgement(
                verdict=verdict,
                low=float(low),
                high=float(high),
                p_value=float(p_zero[i]) if known else None,
                significant=bool(enough and significant[i]),
                p_dead=float(p_dead[i]),
                may_need=may_need(pooled.tried[i], pooled.lost[i]),
                calls_needed=needed,
            )
        )
    return judgements


def two_sided(estimate: Array, error: Array, freedom: float | Array) -> Array:
    """p-values of "the true value is zero"; 1 where the error is infinite.

    A difference without any error (a deterministic model that never varied) is certain.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, np.abs(estimate) / error, np.where(estimate == 0, 0.0, np.inf))
    p_values: Array = 2 * stats.t.sf(t, freedom)
    return p_values


def corrected(p_values: Array) -> Array:
    """Benjamini–Hochberg adjusted p-values (1995, eq. 1)."""
    if not len(p_values):
        return p_values
    adjusted: Array = stats.false_discovery_control(np.clip(p_values, 0.0, 1.0), method="bh")
    return adjusted


def may_need(tried: float, lost: float) -> float:
    """Upper 95 % bound on the share of calls that need a segment (Clopper & Pearson 1934).

    Where none of m calls was lost it is about 3/m (Hanley & Lippman-Hand 1983). 1 where nothing
    was tried.
    """
    if tried <= 0 or lost >= tried:
        return 1.0
    return float(min(stats.beta.ppf(1 - ALPHA, lost + 1, tried - lost), 1.0))


def calls_needed(influence: float, error: float, calls: int, delta: float) -> int | None:
    """About how many calls would settle a segment with this influence, at 80 % power.

    Settled is whatever comes first: called dead, which needs an error of (δ − |influence|)/2.93
    (two one-sided tests at 5 %), or called different from zero, which needs |influence|/2.80.
    """
    if not np.isfinite(error):
        return None
    dead = (delta - abs(influence)) / (stats.norm.ppf(0.95) + stats.norm.ppf(0.9))
    differs = abs(influence) / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    return max(calls + 1, FEWEST_CALLS, int(np.ceil(calls * (error / max(dead, differs)) ** 2)))


def _equivalence(influence: Array, error: Array, freedom: float, delta: float) -> Array:
    """The larger p-value of the two one-sided tests that the influence is outside ±δ."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, (delta - np.abs(influence)) / error, np.inf)
    t = np.where((error == 0) & (np.abs(influence) >= delta), -np.inf, t)
    p_values: Array = stats.t.sf(np.where(np.isfinite(error), t, 0.0), freedom)
    return p_values
