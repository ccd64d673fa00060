"""Weighted least squares with standard errors that allow for any dependence inside a cluster.

Source of the covariance: the jackknife over clusters, CV3 (Bell & McCaffrey 2002; MacKinnon,
Nielsen & Webb 2023, eq. 15): V = (C − 1)/C Σ_c (β̂ − β̂₍c₎)(β̂ − β̂₍c₎)ᵀ, where β̂₍c₎ is the fit
without cluster c and β̂ − β̂₍c₎ = (XᵀX)⁻¹ X_cᵀ (I − H_cc)⁻¹ û_c.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SINGULAR = 1e-9
_BLOCK = 2_000_000
"""Size of the largest array of one block of clusters, which bounds the memory."""


@dataclass(frozen=True)
class Fit:
    """Coefficients, shape (columns,), and their covariance, shape (columns, columns).

    A coefficient that the rows do not determine, or that only one cluster determines, has an
    infinite variance; `known` is False for it, and its covariances are zero.
    """

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
    """Fit y on the columns of `design`.

    Args:
        design: shape (rows, columns).
        y: shape (rows,).
        clusters: the cluster of each row, any integers, shape (rows,).
        weights: positive weight of each row, shape (rows,).
    """
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
