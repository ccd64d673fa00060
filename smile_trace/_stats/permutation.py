"""p-values by drawing masks, or the labels of two samples, again."""

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK = 500_000
"""Numbers that are drawn at once."""
_MOST_DIVISIONS = 2000
"""Divisions of two samples; of more, so many are drawn."""


def randomisation(x: Array, q: Array, residuals: Array, generator: np.random.Generator) -> Array:
    """One p-value per column of masks: conditional randomisation (Candès et al. 2018, sec. 4).

    T_i = |Σ_j (x_ij − q_j) r_ij|; column i of `x` (rows, n) is drawn again M = max(999, 20 n) times
    from its known chances `q` (rows,), and p = (1 + #{T* ≥ T}) / (M + 1). Exact for any `residuals`
    (rows, n) of the answers that do not depend on x_i. With those of several outcomes (outcomes,
    rows, n), T_i is the largest of theirs, each divided by its standard deviation over the draws.
    """
    rows, n = x.shape
    draws = max(999, 20 * n)
    several = residuals.ndim == 3
    if several:
        spread = np.sqrt(((q * (1 - q))[:, None] * residuals**2).sum(axis=1, keepdims=True))
        residuals = residuals / np.maximum(spread, 1e-12)
    observed = np.abs(((x - q[:, None]) * residuals).sum(axis=-2))
    observed = observed.max(axis=0) if several else observed
    at_least = np.zeros(n)
    block = max(1, _BLOCK // max(rows, n, 1))
    for start in range(0, draws, block):
        again = (generator.random((min(block, draws - start), rows)) < q) - q
        drawn = np.abs(again @ residuals)
        at_least += ((drawn.max(axis=0) if several else drawn) >= observed - 1e-12).sum(axis=0)
    p_values: Array = (1 + at_least) / (draws + 1)
    return p_values


def two_samples(apart: Array, first: int) -> float:
    """The p-value of the energy distance between two samples (Székely & Rizzo 2013): the share of
    all divisions of the items, or of the true one and 1999 others, at which they are as far apart.
    `apart` (n, n): the distances, the `first` items those of the first sample."""
    n, generator = len(apart), np.random.default_rng(0)
    if comb(n, first) <= _MOST_DIVISIONS:
        chosen = np.array(list(combinations(range(n), first)))
    else:
        chosen = np.argsort(generator.random((_MOST_DIVISIONS, n)))[:, :first]
        chosen[0] = range(first)
    one = np.zeros((len(chosen), n))
    np.put_along_axis(one, chosen, 1.0, axis=1)
    other, second = 1 - one, n - first

    def mean(x: Array, y: Array, pairs: int) -> Array:
        total: Array = np.einsum("ki,ij,kj->k", x, apart, y, optimize=True) / max(pairs, 1)
        return total

    own = mean(one, one, first * (first - 1)) + mean(other, other, second * (second - 1))
    energy = 2 * mean(one, other, first * second) - own
    return float(np.mean(energy >= energy[0] - 1e-9))
