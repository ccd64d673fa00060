"""How many further calls would name or exclude what is open."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from smile_trace.attribution.estimation.findings import LevelFindings
from smile_trace.attribution.estimation.inference import LEVEL, at_most

_AT_LEAST, _UNTOLD = 1.25, 2.0
"""What is open needs a quarter more rows, at least; what masks cannot tell as many again."""

_NONE = 1e-3
"""What is divided by in place of zero."""

MOST = 10
"""Times the calls that were spent beyond which no number is given: it would mean nothing."""


def further_rows(found: LevelFindings, *, told: bool = True) -> list[int]:
    """Per open part after how many further rows of the level it is named or excluded, ascending.

    Intervals shrink, and the statistics of the tests grow, with the root of the number of rows. A
    part is named where interval and test agree on its effect, and excluded where its interval,
    which shrinks to 0 where there is no effect, lies inside the smallest effect that matters; what
    takes fewer rows is counted.
    Without `told`, what a few masks that are asked for it may tell counts as excluded.
    """
    if found.exact or not found.rows:
        return []
    effect, most = found.effects, at_most(found.low, found.high)
    free = np.array([not segment.protected for segment in found.segments])
    needed = np.array(found.fails_without or (False,) * len(free))
    untold = np.array(found.untold)
    is_open = free & ~np.array(found.significant) & ~needed & (told | ~untold)
    is_open &= most >= found.limit
    by_interval = np.minimum(most / np.maximum(np.abs(effect), _NONE) - 1, 1e3)
    named = np.maximum(by_interval, _by_test(found, int(free.sum())))
    alone = most if found.alone is None else found.alone
    times = np.minimum(named, alone / found.limit) ** 2
    times = np.maximum(np.where(untold, _UNTOLD, times), _AT_LEAST)[is_open]
    return sorted(math.ceil(found.rows * (factor - 1)) for factor in times)


def _by_test(found: LevelFindings, tests: int) -> np.ndarray:
    """How many times larger the statistic of each part's test has to be for it to be significant
    beside those that are."""
    if found.p_values is None:
        return np.ones(len(found.segments))
    rate = (1 - LEVEL) * (1 + sum(found.significant)) / tests
    enough, seen = stats.norm.isf(min(rate, 1) / 2), stats.norm.isf(found.p_values / 2)
    times: np.ndarray = enough / np.maximum(seen, _NONE)
    return times


def rounded(calls: int) -> int:
    """A sensible figure: tens, and from a hundred on two digits."""
    step = 10 if calls < 100 else 10 ** (len(str(calls)) - 2)
    return max(step, step * round(calls / step))


def further_calls(found: Sequence[LevelFindings], spent: int) -> int | None:
    """About how many further calls would settle all that is open; None where nothing is, or where
    it is so many that the number would mean nothing.

    Args:
        found: of every level that is shown.
        spent: the calls so far.
    """
    calls = sum(max(further_rows(of), default=0) for of in found)
    return rounded(calls) if 0 < calls <= MOST * spent else None
