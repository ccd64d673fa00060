"""The influence of a template's segments, pooled over the calls of one prompt version.

The estimand: per stratum (one drop probability q) the mean over calls of E_q[y | x_i = 1] − E_q[y |
x_i = 0], with y the answer change in [0, 1] and x_i = 1 where segment i was removed, and the
equally weighted mean over strata. Masks are drawn independently, so the coefficient of x_i in least
squares of y on x is that estimand whatever the true response is. The standard error is clustered by
call (by masks, where calls share them).

The covariance is the jackknife over clusters, CV3 (Bell & McCaffrey 2002; MacKinnon, Nielsen & Webb
2023, eq. 15), which allows for any dependence inside a cluster: V = (C − 1)/C Σ_c (β̂ − β̂₍c₎)(β̂ −
β̂₍c₎)ᵀ, where β̂₍c₎ is the fit without cluster c and β̂ − β̂₍c₎ = (XᵀX)⁻¹ X_cᵀ (I − H_cc)⁻¹ û_c.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smile_trace.records.verdicts import SMALLEST_EFFECT

Array = NDArray[np.float64]

_SINGULAR = 1e-9
_BLOCK = 2_000_000
"""Size of the largest array of one block of clusters, which bounds the memory."""


@dataclass(frozen=True)
class Fit:
    """Coefficients, shape (columns,), and their covariance, shape (columns, columns). One that at
    most one cluster determines is not `known`: its variance is infinite, its covariances zero."""

    coefficients: Array
    covariance: Array
    known: NDArray[np.bool_]
    clusters: int

    def contrast(self, weights: Array) -> tuple[float, float]:
        """A linear combination of the coefficients and its standard error (may be infinite)."""
        used = weights != 0
        estimate = float(weights @ self.coefficients)
        if not self.known[used].all():
            return estimate, float("inf")
        part: Array = self.covariance[np.ix_(used, used)]
        return estimate, float(np.sqrt(max(float(weights[used] @ part @ weights[used]), 0.0)))


def fit(design: Array, y: Array, clusters: NDArray[np.int_], weights: Array) -> Fit:
    """Fit y (rows,) on the columns of `design` (rows, columns), with each row's cluster (any
    integers) and positive weight."""
    root = np.sqrt(weights)
    x: Array = design * root[:, None]
    z: Array = y * root
    gram: Array = x.T @ x
    inverse: Array = np.linalg.pinv(gram, rcond=_SINGULAR, hermitian=True).astype(np.float64)
    coefficients: Array = inverse @ (x.T @ z)
    columns = design.shape[1]
    off: Array = inverse @ gram - np.eye(columns)
    known = np.asarray((np.abs(off) < 1e-6).all(axis=1), dtype=np.bool_)
    residuals = z - x @ coefficients
    covariance = np.zeros((columns, columns))
    names, label = np.unique(clusters, return_inverse=True)
    for rows in _blocks(label, len(names), columns):
        moved, alone = _without_each(x, residuals, inverse, rows)
        known &= ~alone
        covariance += moved.T @ moved
    count = len(names)
    covariance *= (count - 1) / max(count, 1)
    covariance[~known] = covariance[:, ~known] = 0.0
    covariance[~known, ~known] = np.inf
    return Fit(coefficients, covariance, known, count)


def _blocks(label: NDArray[np.int_], count: int, columns: int) -> list[NDArray[np.int_]]:
    """Blocks of clusters: row numbers, shape (clusters, longest), padded with −1."""
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label, minlength=count)
    ends = np.cumsum(sizes)
    by_size = np.argsort(sizes, kind="stable")
    blocks = []
    at = 0
    while at < count:
        # Sorted by size, so that a block needs little padding.
        longest = int(sizes[by_size[at]])
        fits = max(1, _BLOCK // max(longest * (columns + longest), 1))
        chosen = by_size[at : at + min(fits, count - at)]
        chosen = chosen[sizes[chosen] <= max(2 * longest, 8)]
        width = int(sizes[chosen].max())
        rows = np.full((len(chosen), width), -1)
        for k, cluster in enumerate(chosen):
            rows[k, : sizes[cluster]] = order[ends[cluster] - sizes[cluster] : ends[cluster]]
        blocks.append(rows)
        at += len(chosen)
    return blocks


def _without_each(
    x: Array, residuals: Array, inverse: Array, rows: NDArray[np.int_]
) -> tuple[Array, NDArray[np.bool_]]:
    """β̂ − β̂₍c₎ per cluster, shape (clusters, columns), and which columns one cluster decides."""
    filled = rows >= 0
    inside = x[rows] * filled[:, :, None]
    own = residuals[rows] * filled
    leverage = inside @ inverse  # (clusters, rows, columns)
    hat = leverage @ inside.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(np.eye(rows.shape[1]) - hat)
    lone = values < 1e-8
    scaled = np.where(lone, 0.0, 1 / np.where(lone, 1.0, values))
    solved = vectors @ (scaled[:, :, None] * (vectors.transpose(0, 2, 1) @ own[:, :, None]))
    moved = (leverage * solved).sum(axis=1)
    alone = np.zeros(x.shape[1], dtype=bool)
    if lone.any():
        directions = np.abs(leverage.transpose(0, 2, 1) @ vectors) > 1e-7
        alone = (directions & lone[:, None, :]).any(axis=(0, 2))
    return moved, alone


REMOVED = 0.5
"""Share of a segment from which it counts as removed."""
INTACT = 0.25
"""Answer change that the other segments must stay below for a row to be evidence on one segment."""


@dataclass(frozen=True)
class PooledRows:
    """Random masks of many calls of one template, all over the same segments.

    `x` is the share of each segment that was removed, in [0, 1], shape (rows, segments); only a
    variable segmented into words has shares between 0 and 1. Per row, `y` is the answer change in
    [0, 1], `q` the drop probability, `call` the call's number and `weight` one over its inclusion
    probability. `varies` is False where x_i could not vary, same shape as x. `design` is a number
    per row that calls with the same masks share (the same request, asked again; calls of one shape
    up to method 5), None if every call has its own: such calls share their chance errors, so a
    design is one cluster. The rows tell of `asked` perturbed prompts, None if of one each. `alone`
    are answer changes with one segment alone removed, as (call, segment, change): in no estimate,
    they show what a single call loses. `held` is, by segment, how much each larger part may matter
    that certainly did in a call which removed the segment only within it.
    """

    x: Array
    y: Array
    q: Array
    call: NDArray[np.int_]
    weight: Array
    varies: NDArray[np.bool_]
    design: NDArray[np.int_] | None = None
    asked: int | None = None
    alone: Sequence[tuple[int, int, float]] = ()
    held: Mapping[int, Sequence[float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def calls(self) -> int:
        """The number of different calls."""
        return len(np.unique(self.call))

    @property
    def clusters(self) -> NDArray[np.int_]:
        """The cluster of each row."""
        return self.call if self.design is None else self.design

    def only(self, used: NDArray[np.bool_]) -> "PooledRows":
        """Some of the rows."""
        return PooledRows(
            x=self.x[used],
            y=self.y[used],
            q=self.q[used],
            call=self.call[used],
            weight=self.weight[used],
            varies=self.varies[used],
            design=None if self.design is None else self.design[used],
            alone=self.alone,
        )


@dataclass(frozen=True)
class Pooled:
    """The results per segment, each of shape (segments,).

    `influence` and its `error` (standard error, infinite if the rows do not determine it) are in
    units of answer change; `spread` is the influence's standard deviation between calls. `tried`
    counts the calls (by Kish's formula if their weights differ) in which the segment was removed
    alone, or while the rest preserved the answer, `lost` those among them that lost the smallest
    effect every time, `need` those of these in which it was removed alone. `calls` counts those
    with masks of their own that removed the segment by itself; `held` is that of the rows.
    """

    influence: Array
    error: Array
    spread: Array
    tried: Array
    lost: Array
    need: Array
    calls: NDArray[np.int_]
    held: Mapping[int, Sequence[float]]


def pool(rows: PooledRows, limit: float = SMALLEST_EFFECT) -> Pooled:
    """Estimate every segment's influence, each from the rows in which x_i could vary. With fewer
    than two such calls its error is infinite. `limit` is the smallest effect that matters."""
    n = rows.x.shape[1]
    influence, error, spread, tried, lost, need = np.zeros((6, n))
    error[:] = np.inf
    calls = np.zeros(n, dtype=int)
    patterns, of_segment = np.unique(rows.varies, axis=1, return_inverse=True)
    for k, used in enumerate(patterns.T):
        own = np.flatnonzero(of_segment == k).tolist()
        part = rows if used.all() else rows.only(used)
        calls[own] = len(np.unique(part.clusters))
        if calls[own[0]] < 2:
            continue
        found = fit(_design(part.x, part.q), part.y, part.clusters, part.weight)
        for i in own:
            influence[i], error[i] = found.contrast(_mean_over_strata(part.q, n, i))
        predicted = _design(part.x, part.q) @ found.coefficients
        spread[own] = _spread(part, predicted)[own]
        for i in own:
            rest = predicted - influence[i] * part.x[:, i]
            tried[i], lost[i], need[i] = _losses(part, rest, i, limit)
    return Pooled(influence, error, spread, tried, lost, need, calls, rows.held)


def _design(x: Array, q: Array) -> Array:
    """An intercept and the segments for each stratum: strata share nothing."""
    blocks = [
        np.column_stack([np.ones(len(x)), x]) * (q == value)[:, None] for value in np.unique(q)
    ]
    return np.hstack(blocks)


def _mean_over_strata(q: Array, segments: int, i: int) -> Array:
    strata = len(np.unique(q))
    weights = np.zeros(strata * (segments + 1))
    weights[[k * (segments + 1) + 1 + i for k in range(strata)]] = 1 / max(strata, 1)
    return weights


def _spread(rows: PooledRows, predicted: Array) -> Array:
    """Between-call standard deviation of each influence, by the method of moments.

    With the random-coefficient model y_cj = a_c + Σ_i b_ci x_ij + e_cj (Hildreth & Houck 1968) and
    centred x̃ = x − q, two rows of one call have E[r_j r_k x̃_ij x̃_ik] = Var(b_i)·v_j·v_k, v = q
    (1 − q), because masks are independent; the sum over pairs is (Σ_j)² − Σ_j², halved.
    """
    v = (rows.q * (1 - rows.q))[:, None]
    terms = (rows.y - predicted)[:, None] * (rows.x - rows.q[:, None]) / v
    terms = np.where(rows.varies, terms, 0.0)
    _, label = np.unique(rows.call, return_inverse=True)
    per_call = np.zeros((label.max() + 1, terms.shape[1]))
    squares, counts = np.zeros_like(per_call), np.zeros_like(per_call)
    np.add.at(per_call, label, terms)
    np.add.at(squares, label, terms**2)
    np.add.at(counts, label, rows.varies)
    weight = _per_call(rows)[:, None]
    pairs = (weight * counts * (counts - 1)).sum(axis=0)
    total = (weight * (per_call**2 - squares)).sum(axis=0)
    variance = total / np.where(pairs > 0, pairs, np.inf)
    spread: Array = np.sqrt(np.clip(variance, 0.0, None))
    return spread


def _losses(rows: PooledRows, rest: Array, i: int, limit: float) -> tuple[float, float, float]:
    """Calls in which segment i was removed with the `rest` (the answer change without it) intact,
    those that never lost less than `limit` without it, and those of which that is measured. What a
    call lost with it alone removed is decisive: where parts work against one another, nothing may
    be lost without a second one. A row counts by its mask, never by its own answer change."""
    calls, label = np.unique(rows.call, return_inverse=True)
    weight = _per_call(rows)
    removed = rows.x[:, i] > REMOVED
    least, alone = np.full((2, len(calls)), np.inf)
    np.minimum.at(least, label[removed], rows.y[removed])
    places = {int(call): k for k, call in enumerate(calls)}
    for call, segment, change in rows.alone:
        if segment == i and call in places:
            alone[places[call]] = min(alone[places[call]], change)
    measured = np.isfinite(alone)
    missing = np.where(measured, alone, least) >= limit
    asked = measured | (np.bincount(label[removed & (rest < INTACT)], minlength=len(calls)) > 0)
    if not asked.any():
        return 0.0, 0.0, 0.0
    tried = weight[asked].sum() ** 2 / (weight[asked] ** 2).sum()
    share = weight[asked & missing].sum() / weight[asked].sum()
    return float(tried), float(share * tried), float((measured & missing).sum())


def _per_call(rows: PooledRows) -> Array:
    _, first = np.unique(rows.call, return_index=True)
    return rows.weight[first]
