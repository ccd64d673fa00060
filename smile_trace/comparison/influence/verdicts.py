"""Verdicts on pooled influences: essential, matters, no effect, inconclusive."""

from dataclasses import dataclass

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.comparison.influence.pooled_effects import Pooled
from smile_trace.comparison.influence.regression import Array
from smile_trace.records.comparison import Verdict

LEVEL = 0.9
"""Nominal coverage of intervals: both ends of a 90 % interval are one-sided tests at 5 %."""
ALPHA = 0.05
"""False discovery rate of corrected tests."""
MIN_CALLS = 10
"""With fewer calls every verdict is inconclusive: a few calls of a deterministic model may agree by
chance, with a standard error of zero."""
MIN_ESSENTIAL = 0.25
"""An essential segment's influence is certainly above a quarter of the answer."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one segment, and the statistics behind it.

    `low` and `high` are the ends of the interval, in [-1, 1]. `p_value` is two-sided for "no
    influence at all", None where the standard error is infinite; `significant` after
    Benjamini–Hochberg over the template's segments. `may_need` is the upper 95 % bound on the
    share of calls that need the segment, whatever its mean influence. `calls_needed` is how many
    calls would settle an inconclusive one, None where that is unknown.
    """

    verdict: Verdict
    low: float
    high: float
    p_value: float | None
    significant: bool
    may_need: float
    calls_needed: int | None


def judge(pooled: Pooled, delta: float) -> list[Judgement]:
    """Judge every segment of one template.

    `no_effect`: both one-sided tests of |influence| < δ (Schuirmann 1987) hold at 5 % after
    Benjamini–Hochberg over the segments. `essential`: the interval's lower end is at least
    MIN_ESSENTIAL. `matters`: significantly different from zero. Else `inconclusive`.

    Args:
        delta: the margin δ in units of answer change.
    """
    freedom = max(pooled.calls - 1, 1)
    p_zero = _two_sided(pooled.influence, pooled.error, freedom)
    p_no_effect = _equivalence(pooled.influence, pooled.error, freedom, delta)
    significant, no_effect = corrected(p_zero) <= ALPHA, corrected(p_no_effect) <= ALPHA
    half = stats.t.ppf((1 + LEVEL) / 2, freedom)
    judgements = []
    for i, (influence, error) in enumerate(zip(pooled.influence, pooled.error, strict=True)):
        known = bool(np.isfinite(error))
        enough = known and pooled.calls >= MIN_CALLS
        low = max(influence - half * error, -1.0) if known else -1.0
        high = min(influence + half * error, 1.0) if known else 1.0
        verdict: Verdict = "inconclusive"
        if enough and no_effect[i]:
            verdict = "no_effect"
        elif enough and low >= MIN_ESSENTIAL:
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
                may_need=may_need(pooled.tried[i], pooled.lost[i]),
                calls_needed=needed,
            )
        )
    return judgements


def _two_sided(estimate: Array, error: Array, freedom: float | Array) -> Array:
    """p-values of "the true value is zero"; 1 where the error is infinite.

    Without any error (a deterministic model that never varied) the estimate is certain.
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

    About 3/m where none of m calls lost its answer (Hanley & Lippman-Hand 1983); 1 where no call
    was tried.
    """
    if tried <= 0 or lost >= tried:
        return 1.0
    return float(min(stats.beta.ppf(1 - ALPHA, lost + 1, tried - lost), 1.0))


def calls_needed(influence: float, error: float, calls: int, delta: float) -> int | None:
    """About how many calls would settle a segment with this influence, at 80 % power.

    A segment is settled once it is either found to have no effect, which takes a standard error of
    (δ − |influence|)/2.93 (two one-sided tests at 5 %), or found to differ from zero, which takes
    |influence|/2.80.
    """
    if not np.isfinite(error):
        return None
    no_effect = (delta - abs(influence)) / (stats.norm.ppf(0.95) + stats.norm.ppf(0.9))
    differs = abs(influence) / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    return max(calls + 1, MIN_CALLS, int(np.ceil(calls * (error / max(no_effect, differs)) ** 2)))


def _equivalence(influence: Array, error: Array, freedom: float, delta: float) -> Array:
    """The larger p-value of the two one-sided tests that the influence is outside ±δ."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, (delta - np.abs(influence)) / error, np.inf)
    t = np.where((error == 0) & (np.abs(influence) >= delta), -np.inf, t)
    p_values: Array = stats.t.sf(np.where(np.isfinite(error), t, 0.0), freedom)
    return p_values
