"""Pairs of segments that work together: either is enough, or only both do anything.

The interaction of two segments is the change of one's effect when the other is removed, under the
estimand's mask distribution (docs/method.md):

    ι = ½ Σ_q E_q[ y(1,1) − y(1,0) − y(0,1) + y(0,0) ]

where y(a, b) is the answer change with the two removed (1) or retained (0). It is measured as
effects are in `inference`: per random row the second difference of a cross-fitted m̂, corrected by
that row's residual with the known probabilities, which is unbiased whatever m̂ is.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, FOLDS, LEVEL, Rows
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.records.verdicts import SMALLEST_EFFECT

CANDIDATES = 4
"""Segments with the largest effects that are tested in pairs: six tests."""

SMALLEST = 0.05
"""Effect up to which a segment is in no pair."""

WORTH_SAYING = 0.2
"""Interaction below which none is reported: a fifth of the answer."""

Kind = Literal["either", "both"]


@dataclass(frozen=True)
class Pair:
    """Two segments (`first` < `second`), their interaction and its interval. `alone` and `beside`
    hold each segment's effect with the other retained, and with it removed. `apart`: one alone was
    measured to cost an effect that matters. `lost`: the answer change without these two, where
    every mask was asked; else None. `adds_up`: it is what is lost without each of them, in sum."""

    first: int
    second: int
    value: float
    low: float
    high: float
    alone: tuple[float, float]
    beside: tuple[float, float]
    apart: bool = False
    lost: float | None = None
    adds_up: bool = False

    @property
    def kind(self) -> Kind | None:
        """ "either": removing one segment changes little unless the other is removed, too. "both":
        with one removed, the other does little. None if neither is certain."""
        small = 2 * np.array(self.alone) <= self.beside, 2 * np.array(self.beside) <= self.alone
        if self.low > 0 and self.value >= WORTH_SAYING and small[0].all():
            return None if self.more_together else "either"
        if self.high < 0 and self.value <= -WORTH_SAYING and small[1].all():
            return None if self.adds_up else "both"
        return None

    @property
    def more_together(self) -> bool:
        """Whether more is lost without both than the two cost, though neither stands in for the
        other: one alone costs an effect that matters."""
        return self.apart and self.low > 0 and self.value >= WORTH_SAYING


def stand_ins(
    removed: Array, changes: Array, alone: Array, named: NDArray[np.bool_], limit: float
) -> tuple[Pair, ...]:
    """The pairs of segments, neither of them `named`, of which either was seen to be enough by a
    model that repeats itself: with all else retained, `limit` or more is lost without both beyond
    what was lost without each, and less than that without each alone.

    Args:
        removed: 1 where a segment was removed, shape (answered masks, segments).
        changes: the answer changes of these masks, in [0, 1].
        alone: what was lost with each removed alone, NaN where that was not measured.
    """
    found: dict[tuple[int, int], Pair] = {}
    for k in np.flatnonzero(removed.sum(axis=1) == 2):
        first, second = (int(i) for i in np.flatnonzero(removed[k]))
        costs, lost = (float(alone[first]), float(alone[second])), float(changes[k])
        more = lost - sum(costs)
        if named[[first, second]].any() or not (more >= limit > max(costs)):
            continue
        beside = lost - costs[1], lost - costs[0]
        found[first, second] = Pair(first, second, more, more, more, costs, beside, lost=lost)
    return tuple(found.values())


def pairs(
    rows: Rows, effects: Array, seed: list[int], solver: Solver = DEFAULT_SOLVER
) -> tuple[Pair, ...]:
    """The pairs of the strongest segments, with simultaneous intervals (Bonferroni)."""
    candidates = _pairs_of_segments(effects)
    if not candidates or len(rows.y) < 2 * FOLDS:
        return ()
    generator = np.random.default_rng([*seed, 3])
    folds = generator.permutation(np.arange(len(rows.y)) % FOLDS)
    second_differences = np.zeros((len(candidates), len(rows.y), 2, 2))
    residual = np.zeros(len(rows.y))
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        model = solver.fit(*rows.training(train))
        residual[test] = rows.y[test] - model.predict(rows.x[test])
        for of_pair, pair in zip(second_differences, candidates, strict=True):
            of_pair[test] = model.second_differences(rows.x[test], pair)
    level = 1 - (1 - LEVEL) / len(candidates)
    return tuple(
        _pair(rows, pair, predicted, residual, level)
        for pair, predicted in zip(candidates, second_differences, strict=True)
    )


def exact_pairs(
    x: Array, y: Array, effects: Array, limit: float = SMALLEST_EFFECT
) -> tuple[Pair, ...]:
    """The pairs if every mask was asked: rows of x (1 = removed) and their changes y."""
    found = []
    for a, b in _pairs_of_segments(effects):
        alone = _given(x, y, a, b, 0), _given(x, y, b, a, 0)
        beside = _given(x, y, a, b, 1), _given(x, y, b, a, 1)
        value = beside[0] - alone[0]
        both = _without(x, y, a, b)
        each = _without(x, y, a), _without(x, y, b)
        known = [lost for lost in (*each, both) if lost is not None]
        adds_up = len(known) == 3 and known[0] + known[1] - known[2] < abs(value) / 2
        apart = max(alone) >= limit
        found.append(Pair(a, b, value, value, value, alone, beside, apart, both, adds_up))
    return tuple(found)


def _without(x: Array, y: Array, *segments: int) -> float | None:
    """The answer change with these segments alone removed; None if that was not asked."""
    without = np.isin(np.arange(x.shape[1]), segments)
    lost = y[(x.astype(bool) == without).all(axis=1)]
    return float(lost[0]) if len(lost) else None


def _pairs_of_segments(effects: Array) -> list[tuple[int, int]]:
    strongest = np.argsort(-effects, kind="stable")[:CANDIDATES]
    return list(combinations(sorted(int(i) for i in strongest if effects[i] > SMALLEST), 2))


def _given(x: Array, y: Array, one: int, other: int, removed: int) -> float:
    """The effect of `one` with `other` removed (1) or retained (0)."""
    rows = x[:, other] == removed
    effects = inference.enumerated(np.delete(x[rows], other, axis=1), y[rows])
    return float(effects[one - (other < one)])


def _pair(
    rows: Rows, pair: tuple[int, int], second_differences: Array, residual: Array, level: float
) -> Pair:
    a, b = pair
    chance = rows.q * (1 - rows.q)
    weight = (rows.x[:, a] - rows.q) * (rows.x[:, b] - rows.q) / chance**2
    both = (
        second_differences[:, 1, 1]
        - second_differences[:, 1, 0]
        - second_differences[:, 0, 1]
        + second_differences[:, 0, 0]
    )
    used = rows.varies[:, a] & rows.varies[:, b]
    strata = [used & (rows.q == q) for q in np.unique(rows.q[used])]
    value, low, high = inference.stratified(both + weight * residual, weight, strata, level)

    def mean(change: Array) -> float:
        return float(np.mean([change[stratum].mean() for stratum in strata]))

    second_retained, second_removed = second_differences[:, :, 0], second_differences[:, :, 1]
    first_retained, first_removed = second_differences[:, 0], second_differences[:, 1]

    def effects(first: Array, second: Array) -> tuple[float, float]:
        return mean(first[:, 1] - first[:, 0]), mean(second[:, 1] - second[:, 0])

    return Pair(
        first=a,
        second=b,
        value=float(value),
        low=float(low),
        high=float(high),
        alone=effects(second_retained, first_retained),
        beside=effects(second_removed, first_removed),
    )
