"""Intervals of rates: Wilson's of trials that count in part, and Newcombe's of a difference. SciPy
has Wilson's only for whole successes (`binomtest(…).proportion_ci(method="wilson")`, with which the
tests compare this one), and no interval of a difference of two rates."""

from math import hypot, sqrt
from statistics import NormalDist
from typing import NamedTuple


class Estimated(NamedTuple):
    """A rate in [0, 1], or a difference of two in [-1, 1], and the ends of its interval."""

    value: float
    low: float
    high: float


def wilson(successes: float, trials: float, level: float) -> tuple[float, float]:
    """The ends of Wilson's score interval (1927) of a rate, with nominal coverage `level`; (0, 1)
    without a trial. `successes` is in [0, trials], since a trial may count as a fraction."""
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / trials
    middle = rate + z * z / (2 * trials)
    half = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def newcombe(one: Estimated, other: Estimated) -> Estimated:
    """`one` less `other` with Newcombe's hybrid interval (1998, method 10), for independent rates.
    It is too wide for rates of the same trials, which go up and down together."""
    value = one.value - other.value
    below = hypot(one.value - one.low, other.high - other.value)
    above = hypot(one.high - one.value, other.value - other.low)
    return Estimated(value, max(value - below, -1.0), min(value + above, 1.0))
