"""Rates over the calls of a prompt, and what counts as found among many profiles. Pure."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist, fmean

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace._stats.false_discoveries import discovered
from smile_trace._stats.intervals import Estimated, newcombe, wilson
from smile_trace.probes.inference import LEVEL, Array, Count, Stage
from smile_trace.probes.sampling import REPEATS
from smile_trace.records.profile import ProbeChange, ProbeRate, Rate


def unbiased_rate(count: Count, stages: Sequence[Stage]) -> float:
    """Return a call's rate, in [0, 1], unbiased although sampling stops early, which biases the
    share of changed answers.

    It is the probability that the first answer changed, given how many did in all: the number of
    ways to get there that begin with a change, over that of all ways (Girshick, Mosteller and
    Savage 1946). If the controls change as well, nothing stops for many changes: a rate of .8 is
    then estimated as .69 on average, one of .5 as .47. A gate so errs on the side of passing. There
    must be an answer; `stages` that would have stopped the sampling did not apply.
    """
    changed, asked = count
    applied = [stage for stage in stages if stage.asked < asked and stage.stop < changed]

    def ways(alive: Array, at: int) -> float:
        for stage in applied:
            alive = np.convolve(alive, _choices(stage.asked - at))
            alive[: stage.stop + 1] = 0.0
            if changed - (asked - stage.asked) < stage.enough:
                alive[stage.enough :] = 0.0
            at = stage.asked
        return float(np.convolve(alive, _choices(asked - at))[changed])

    return ways(np.array([0.0, 1.0]), 1) / ways(np.ones(1), 0)


def _choices(trials: int) -> Array:
    found: Array = scipy.special.comb(trials, np.arange(trials + 1))
    return found


def mean_rate(rates: Sequence[float]) -> Rate:
    """Return the mean of the calls' rates, each in [0, 1], with Wilson's interval: a call is one
    trial, however many variants were asked. Rates of 0 or 1 vary the most, so the interval is wide
    enough for others."""
    low, high = wilson(sum(rates), len(rates), LEVEL)
    return Rate(value=fmean(rates), ci_low=low, ci_high=high)


def difference(one: Rate, other: Rate) -> Rate:
    """Return `one` less `other`, in [-1, 1], with Newcombe's interval."""
    found = newcombe(_estimated(one), _estimated(other))
    return Rate(value=found.value, ci_low=found.low, ci_high=found.high)


def _estimated(rate: Rate) -> Estimated:
    return Estimated(rate.value, rate.ci_low, rate.ci_high)


def rate_changes(
    before: Sequence[ProbeRate], after: Sequence[ProbeRate]
) -> tuple[ProbeChange, ...]:
    """Return the changes of the rates between two versions, over different calls. The unadjusted
    p-value is that of the score test of two rates, as if every call's were 0 or 1: otherwise it is
    too large."""
    known = {one.name: one for one in after}
    return tuple(_change(one, known[one.name]) for one in before if one.name in known)


def _change(before: ProbeRate, after: ProbeRate) -> ProbeChange:
    one, other = before.rate, after.rate
    pooled = (one.value * before.calls + other.value * after.calls) / (before.calls + after.calls)
    error = sqrt(pooled * (1 - pooled) * (1 / before.calls + 1 / after.calls))
    far = abs(other.value - one.value) / error if error else 0.0
    return ProbeChange(
        name=before.name,
        title=before.title,
        before=one,
        after=other,
        change=difference(other, one),
        p_value=2 * NormalDist().cdf(-far),
    )


FALSE_DISCOVERIES = 0.1
"""The largest expected share of false findings among those of many profiles."""


def discoveries(profiles: Sequence[Mapping[str, float]]) -> list[frozenset[str]]:
    """Return the probes found in each of many profiles, as many as hold FALSE_DISCOVERIES.

    A profile's probes are a family, and its p-values (1 if sampling stopped for lack of changes)
    are adjusted within it; so the smallest is that of "no probe of this call". The families are
    selected by Benjamini and Hochberg's rule (1995), and in the R of m selected ones each probe is
    held to the level R/m · FALSE_DISCOVERIES: the expected share of false findings, averaged over
    the selected families, is then at most FALSE_DISCOVERIES (Benjamini and Bogomolov 2014, theorem
    1). The repeats, which are no part of a profile's adjustment, are a family of their own.
    Sequential sampling makes no p-value too small: if nothing differs, three in a hundred profiles
    have one of .1 or less (seeded test).
    """
    families = [
        [p_value for name, p_value in one.items() if (name == REPEATS) == of_repeats]
        for one in profiles
        for of_repeats in (True, False)
    ]
    smallest = [min(family) for family in families if family]
    selected = int(discovered(smallest, FALSE_DISCOVERIES).sum())
    level = FALSE_DISCOVERIES * selected / max(len(smallest), 1)
    return [
        frozenset(name for name, p_value in one.items() if selected and p_value <= level)
        for one in profiles
    ]
