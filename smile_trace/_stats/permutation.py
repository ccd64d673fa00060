"""p-values by drawing masks again: the conditional randomisation test."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK = 500_000
"""Numbers that are drawn at once."""


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
