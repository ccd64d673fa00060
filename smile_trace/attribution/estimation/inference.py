"""The estimate of the estimand, its interval and its test.

The estimand (defined in docs/method.md) is the mean over the strata q ∈ {.5, .2} of E_q[y | x_i =
1] − E_q[y | x_i = 0], where x_i = 1 says that segment i was removed and q is the probability with
which each other segment is removed, independently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from smile_trace._stats.false_discoveries import discovered
from smile_trace._stats.permutation import randomisation
from smile_trace.attribution.estimation.few_segments import residuals_beside_few
from smile_trace.attribution.estimation.gaussian_process import (
    GaussianProcessSolver,
    leave_one_out_residuals,
)
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.records.verdicts import SMALLEST_EFFECT

LEVEL = 0.9
"""Nominal coverage of the intervals; 1 − LEVEL is the false discovery rate of the test."""

REMOVAL_PROBABILITIES = (0.5, 0.2)
FOLDS = 5

ENOUGH_ROWS = 48
"""Rows from which the test's m̂ selects few segments; earlier, chance selections hide drivers."""

OWN_MODELS, GROUPS = 60, 20
"""Segments up to which each has its own m̂₋ᵢ in the test; more share those of GROUPS groups, whose
members lie far apart (for 400 segments, nine seconds saved and little lost)."""

TRANSLATION = 0.75
"""The largest distance of an estimate from the centre of its interval, in half widths."""

OFTEN = 3
"""Rows without a segment, and with it, from which an effect may be called certain."""

SHOWN_AS_NONE = 0.005
"""An effect below this is shown as 0.00 and claims nothing: its p-value is 1."""

LEFT = 0.5
"""Share of the answer that must be left unexplained for a mask to tell whether more is lost."""

_NONE = 1e-300
"""The divisor in place of zero."""

DEFAULT_SOLVER: Solver = GaussianProcessSolver()


@dataclass(frozen=True)
class Rows:
    """The random masks of one partition with their changes.

    `x` is 1 where a free segment was removed, shape (rows, segments); `y` are the changes and `q`
    the removal probabilities, shape (rows,). `varies`, shaped as `x`, is False where x_i was fixed.
    `weights` are the locality weights. `others_x` and `others_y` are rows that were not drawn
    (baseline, leave-one-out): they are fitted, but not tested. `fields`, shape (rows, fields), is 1
    where a field of a JSON answer changed: each depends on few segments, so that it tells more of
    them than their sum does.
    """

    x: Array
    y: Array
    q: Array
    varies: NDArray[np.bool_]
    weights: Array
    others_x: Array
    others_y: Array
    fields: Array | None = None

    def training(self, chosen: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
        """Masks, answer changes and weights of the chosen random rows and of all the others."""
        return (
            np.vstack([self.x[chosen], self.others_x]),
            np.append(self.y[chosen], self.others_y),
            np.append(self.weights[chosen], np.ones(len(self.others_y))),
        )

    def same_as(self, other: "Rows") -> bool:
        """Whether these are the same rows, with the same answers."""
        return all(map(np.array_equal, vars(self).values(), vars(other).values()))


@dataclass(frozen=True)
class Estimate:
    """Each free segment's estimate, interval and p-value (None: exact). Segments are ranked by
    `own`, the surrogate's effect: the order of `effect`, limited by a noisy interval, is noisy."""

    effect: Array
    own: Array
    low: Array
    high: Array
    p_value: Array | None


def seen_often(rows: Rows) -> NDArray[np.bool_]:
    """Which segments enough rows lack, and enough hold, to name them: two rows that by chance lost
    as much would make an effect certain. To raise the p-values of the others keeps their level."""
    lacking = (rows.varies & (rows.x > 0)).sum(axis=0)
    holding = (rows.varies & (rows.x == 0)).sum(axis=0)
    often: NDArray[np.bool_] = np.minimum(lacking, holding) >= OFTEN
    return often


def beside(effect: Array, p_value: Array) -> Array:
    """The p-values, raised to 1 beside effects shown as 0.00, which keeps the test's level."""
    return np.where(np.abs(effect) < SHOWN_AS_NONE, 1.0, p_value)


def limited_translation(biased: Array, low: Array, high: Array) -> Array:
    """Low-variance estimates, moved no farther from the unbiased ones than is likely.

    The limited translation of Efron & Morris (1971): the unbiased estimate is the centre of `[low,
    high]` (not cut to [−1, 1]; infinite if nothing is known), and the result lies within
    TRANSLATION half widths of it and in [−1, 1]: at an end of an interval only where the scale
    ends.
    """
    known = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(known, low, 0), np.where(known, high, 0)
    centre = (low + high) / 2
    reach = np.where(known, TRANSLATION * (high - centre), np.inf)
    return np.clip(np.clip(biased, centre - reach, centre + reach), -1, 1)


def holding_zero(
    estimate: Estimate, significant: NDArray[np.bool_], floor: float = 0.0
) -> Estimate:
    """The estimate with intervals that agree with the test of all segments together: the intervals
    of segments that are not significant are widened to hold 0, and all within `floor`, by which
    answers vary with nothing removed."""
    low = np.where(significant, estimate.low, np.minimum(estimate.low, 0.0 - floor))
    high = np.where(significant, estimate.high, np.maximum(estimate.high, floor))
    return replace(estimate, low=low, high=high)


def holding_the_unseen(estimate: Estimate, rows: Rows) -> Estimate:
    """The estimate from rows in which nothing moved, with intervals that hold what they may have
    missed: those of Clopper & Pearson (1934) for an event seen in none of the rows."""
    strata = [rows.q == q for q in REMOVAL_PROBABILITIES]
    removed = [(rows.varies & (rows.x > 0))[stratum].sum(axis=0) for stratum in strata]
    retained = [(rows.varies & (rows.x == 0))[stratum].sum(axis=0) for stratum in strata]
    high = np.array([never_seen(counts) for counts in zip(*removed, strict=True)])
    low = np.array([-never_seen(counts) for counts in zip(*retained, strict=True)])
    return replace(
        estimate, low=np.minimum(estimate.low, low), high=np.maximum(estimate.high, high)
    )


def holding_unseen_pairs(
    estimate: Estimate,
    removed: Array,
    changes: Array,
    significant: NDArray[np.bool_],
    limit: float = SMALLEST_EFFECT,
    times: int = 1,
) -> Estimate:
    """The estimate with intervals that hold what the masks cannot tell of two segments.

    If either of two segments is enough, each has the effect of both whenever the other is removed,
    too. Both have at most the smallest share of the answer lost without them beyond the sum of the
    others' effects, over masks that leave half of it to lose; of a model that repeats itself also
    beyond what was lost with fewer removed, of which it is none. If a significant segment was never
    removed without the other, its effect may be the other's.

    Args:
        removed: 1 where a segment was removed, shape (answered masks, segments).
        changes: the answer changes of these masks, in [0, 1].
        significant: which effects are; their intervals stay.
        limit: the smallest effect that matters.
        times: 1 for a model that repeats itself.
    """
    others = np.where(
        excludes(estimate, limit) & ~significant, 0.0, np.maximum(estimate.effect, 0.0)
    )
    explained = np.minimum(removed @ others, 1.0)
    of_both = np.ones((removed.shape[1],) * 2)
    fewer = _lost_without(removed, changes) if times == 1 else np.zeros_like(removed)
    for mask, lost, already, less in zip(removed > 0, changes, explained, fewer, strict=True):
        if already <= LEFT:
            left = np.maximum(lost - np.maximum(already, less[mask]), 0.0) / (1 - already)
            both = np.minimum(left[:, None], left[None, :])
            of_both[np.ix_(mask, mask)] = np.minimum(of_both[np.ix_(mask, mask)], both)
    together = removed.T @ removed > 0
    of_both = np.where(significant & together, 0.0, of_both)
    taken = (removed.T @ (1 - removed) == 0) & significant[:, None]
    hidden = np.mean(REMOVAL_PROBABILITIES) * of_both
    hidden = np.where(taken.T, np.maximum(hidden, np.abs(estimate.effect)), hidden)
    np.fill_diagonal(hidden, 0.0)
    widened = np.maximum(estimate.high, hidden.max(axis=1, initial=0.0))
    return replace(estimate, high=np.where(significant, estimate.high, widened))


def _lost_without(removed: Array, changes: Array) -> Array:
    """The most that was lost with fewer of a mask's segments removed, and this one not: shape
    (masks, segments). So much of what the mask lost is not the segment's."""
    inside = removed @ (1 - removed).T == 0  # whether a mask (row) is part of another (column)
    lost = np.zeros_like(removed)
    for k, of in enumerate(inside.T):
        lost[k] = ((1 - removed[of]) * changes[of, None]).max(axis=0, initial=0.0)
    return lost


def holding_joint_losses(
    estimate: Estimate,
    removed: Array,
    changes: Array,
    alone: Array,
    significant: NDArray[np.bool_],
    limit: float = SMALLEST_EFFECT,
    times: int = 1,
) -> Estimate:
    """The estimate with intervals that hold what was lost where only parts were removed whose
    effects are excluded. Of a model that repeats itself, no average excludes a part without which
    as much was always lost: removed alone, it may cost the least of that. Each that is `uncleared`,
    unless what the others cost at least explains it, may cost all of it, as long as what it needs
    is there. If there is none, parts stand in for each other: then that holds of each of the fewest
    that lost it together. The median answer of a mask that was asked `times` times or more tells
    what is lost.

    Args:
        alone: what was lost with each removed alone, NaN where that was not measured.
        times: 1 for a model that repeats itself.
        removed: and the other arguments as for `holding_unseen_pairs`.
    """
    excluded = excludes(estimate, limit) & ~significant
    unknown = uncleared(removed, changes, limit) & np.isnan(alone)
    already = np.fmax(np.maximum(estimate.low, 0.0), alone)
    high = estimate.high.copy()
    masks, places = np.unique(removed > 0, axis=0, return_inverse=True)
    losing = np.zeros((0, masks.shape[1]), dtype=bool)
    outside: NDArray[np.bool_] = masks & ~excluded
    for k in np.argsort(masks.sum(axis=1), kind="stable"):
        if outside[k].any():
            continue
        mask, of_mask = masks[k], changes[places.ravel() == k]
        lost = float(np.median(of_mask))
        if len(of_mask) < times or lost < limit or (losing <= mask).all(axis=1).any():
            continue
        others = already[mask].sum() - already
        suspects = mask & unknown if (mask & unknown).any() else mask
        may_cost = suspects & (lost - others >= limit)
        if may_cost.any():
            losing = np.vstack([losing, mask])
        high[may_cost] = np.maximum(high[may_cost], lost)
    if times == 1:
        still = unknown & excludes(replace(estimate, high=high), limit) & ~significant
        high = np.where(still, np.maximum(high, least_lost(removed, changes)), high)
    return replace(estimate, high=high)


def least_lost(removed: Array, changes: Array) -> Array:
    """The least answer change without each segment, alone or with others; ∞ if it always stayed."""
    least: Array = np.where(removed > 0, changes[:, None], np.inf).min(axis=0, initial=np.inf)
    return least


def uncleared(removed: Array, changes: Array, limit: float = SMALLEST_EFFECT) -> NDArray[np.bool_]:
    """Which segments no mask cleared: without them less than `limit` was never lost."""
    found: NDArray[np.bool_] = least_lost(removed, changes) >= limit
    return found


def at_most(low: Array, high: Array) -> Array:
    """The largest absolute effect in each interval."""
    return np.maximum(np.abs(low), np.abs(high))


def excludes(estimate: Estimate, limit: float = SMALLEST_EFFECT) -> NDArray[np.bool_]:
    """Which intervals exclude an effect that matters."""
    return at_most(estimate.low, estimate.high) < limit


def never_seen(rows: Sequence[int], level: float = LEVEL) -> float:
    """The largest mean over strata of the shares p_k of an event seen in none of `rows` n_k rows,
    in [0, 1]: Π_k (1 − p_k)^n_k ≥ (1 − level)/2. At the maximum, 1 − p_k is proportional to n_k,
    except where p_k = 0."""
    n, most = np.array(rows, dtype=float), 0.0
    for chosen in product((False, True), repeat=len(n)):
        of = n[np.array(chosen)]
        if of.sum() == 0:
            most = max(most, len(of) / len(n))
            continue
        log = (np.log((1 - level) / 2) - scipy.special.xlogy(of, of).sum()) / of.sum()
        shares = 1 - of * np.exp(log)
        if (shares >= 0).all():
            most = max(most, float(shares.sum()) / len(n))
    return most


def randomisation_test(rows: Rows, generator: np.random.Generator) -> Array:
    """p-value per segment: conditional randomisation of x_i (`randomisation`).

    The residuals are those beside the few other segments that explain the most; with fewer than
    ENOUGH_ROWS rows, a Gaussian process's leave-one-out residuals. Exact for any model, since they
    depend only on the other segments (over OWN_MODELS: groups) and the answers. With `fields` the
    statistic is the largest, in its standard deviations, of the answer change's and each field's:
    still one test of a segment, as exact.
    """
    few = residuals_beside_few
    residuals_of = leave_one_out_residuals if len(rows.y) < ENOUGH_ROWS else few
    residuals = _residuals_without_each(rows, rows.y, residuals_of) * rows.varies
    if rows.fields is None or not rows.fields.shape[1]:
        return randomisation(rows.x, rows.q, residuals, generator)
    of_fields = [_residuals_without_each(rows, one, few) * rows.varies for one in rows.fields.T]
    return randomisation(rows.x, rows.q, np.stack([residuals, *of_fields]), generator)


def fails_more_often(rows: Rows, seed: list[int]) -> NDArray[np.bool_]:
    """The segments without which calls fail significantly more often, by the randomisation test and
    false discovery rate of the answer changes; `y` is 1 for a failed call."""
    if len(rows.y) < FOLDS:
        return np.zeros(rows.x.shape[1], dtype=bool)
    generator = np.random.default_rng([*seed, 4])
    p_values = randomisation_test(rows, generator)
    score = (rows.x - rows.q[:, None]) / (rows.q * (1 - rows.q))[:, None]
    direction = ((rows.y - rows.y.mean())[:, None] * score * rows.varies).sum(axis=0)
    more_often: NDArray[np.bool_] = discovered(p_values, 1 - LEVEL) & (direction > 0)
    return more_often


def enumerated(x: Array, y: Array) -> Array:
    """The estimand itself, from every mask that can be sent (rows of x) and its change y. A row
    without its partner (x_i flipped) stays out of segment i's sum, whose weights sum to 1."""
    n = x.shape[1]
    place = {row.tobytes(): k for k, row in enumerate(x.astype(bool))}
    effects = np.zeros(n)
    for i in range(n):
        retaining, partner = _pairs(x.astype(bool), i, place)
        if not len(retaining):
            continue
        others = np.delete(x[retaining], i, axis=1).sum(axis=1)
        for q in REMOVAL_PROBABILITIES:
            weight = q**others * (1 - q) ** (n - 1 - others)
            effects[i] += (
                weight @ (y[partner] - y[retaining]) / weight.sum() / len(REMOVAL_PROBABILITIES)
            )
    return effects


def _pairs(
    x: NDArray[np.bool_], i: int, place: dict[bytes, int]
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Rows that retain segment i, and for each the row that differs in it alone."""
    retaining, partner = [], []
    for k, row in enumerate(x):
        if row[i]:
            continue
        without = row.copy()
        without[i] = True
        if (other := place.get(without.tobytes())) is not None:
            retaining.append(k)
            partner.append(other)
    return np.array(retaining, dtype=int), np.array(partner, dtype=int)


def intervals(
    rows: Rows, generator: np.random.Generator, solver: Solver = DEFAULT_SOLVER
) -> tuple[Array, Array]:
    """Both ends per segment, not cut to [−1, 1]; infinite if it was always or never removed."""
    folds = generator.permutation(np.arange(len(rows.y)) % min(FOLDS, max(len(rows.y), 1)))
    psi, q = _psi(rows, folds, solver), rows.q[:, None]
    strata = [rows.varies & (q == value) for value in np.unique(rows.q)]
    _, low, high = stratified(psi, (rows.x - q) / (q * (1 - q)), strata, rare=True)
    removed, retained = (rows.varies & (rows.x > 0)).any(0), (rows.varies & (rows.x == 0)).any(0)
    return np.where(removed & retained, low, -np.inf), np.where(removed & retained, high, np.inf)


def _psi(rows: Rows, folds: NDArray[np.int_], solver: Solver) -> Array:
    """ψ per row and segment, shape (rows, segments)."""
    psi = np.zeros_like(rows.x)
    scale = (rows.x - rows.q[:, None]) / (rows.q * (1 - rows.q))[:, None]
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        model = solver.fit(*rows.training(train))
        residual = rows.y[test] - model.predict(rows.x[test])
        psi[test] = model.contrasts(rows.x[test]) + scale[test] * residual[:, None]
    return psi


def _residuals_without_each(
    rows: Rows, y: Array, residuals_of: Callable[[Array, Array], Array]
) -> Array:
    """Residuals of m̂₋ᵢ for an outcome y of the rows, shape (rows, segments)."""
    n = rows.x.shape[1]
    groups = n if n <= OWN_MODELS else GROUPS
    group = np.arange(n) % groups
    residuals = np.zeros_like(rows.x)
    for k in range(groups):
        left = residuals_of(rows.x[:, group != k], y)
        residuals[:, group == k] = left[:, None]
    return residuals


def stratified(
    psi: Array,
    weight: Array,
    strata: Sequence[NDArray[np.bool_]],
    level: float = LEVEL,
    *,
    rare: bool = False,
) -> tuple[Array, Array, Array]:
    """Mean of the strata's means of ψ and its t interval, infinite if a stratum has a single row,
    or all are empty. `weight` is that of each row's residual in ψ. ψ, the weights and each of the
    strata have shape (rows,), or (rows, n): then each column is by itself.

    Rows that remove a rarely removed segment carry most of the weight, so the number of rows would
    overstate the evidence. The degrees of freedom are Satterthwaite's of Σ_j v_j² e_j², with v_j
    the weight of row j and e_j of one size: (Σ v_j²)² / Σ v_j⁴. `rare` limits them to those of the
    observed e_j, since the variance of a rare event rests on few rows.
    """
    inside = np.array(strata, dtype=float).reshape(len(strata), *psi.shape)
    sizes = inside.sum(axis=1)
    count, each = np.maximum((sizes > 0).sum(axis=0), 1), np.maximum(sizes, 1)
    means = (inside * psi).sum(axis=1) / each
    centre = means.sum(axis=0) / count
    apart = inside * (psi - means[:, None])
    variance = ((apart**2).sum(axis=1) / np.maximum(sizes - 1, 1) / each).sum(axis=0)
    of_row = (inside / each[:, None]).sum(axis=0)
    freedom = _effective((weight * of_row) ** 2)
    if rare:
        freedom = np.minimum(freedom, _effective((apart.sum(axis=0) * of_row) ** 2))
    half = scipy.stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(variance) / count
    half = np.where((sizes == 1).any(axis=0) | (sizes == 0).all(axis=0), np.inf, half)
    return centre, centre - half, centre + half


def _effective(sizes: Array) -> Array:
    """How many equal numbers would vary as much: (Σ c)² / Σ c², at least 1."""
    effective: Array = sizes.sum(axis=0) ** 2 / np.maximum((sizes**2).sum(axis=0), _NONE)
    return np.maximum(effective, 1.0)
