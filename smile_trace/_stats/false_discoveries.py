"""Benjamini and Hochberg's control of false discoveries, by SciPy; tests may have weights."""

from collections.abc import Sequence

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

Array = NDArray[np.float64]


def adjusted(p_values: Sequence[float] | Array) -> Array:
    """The adjusted p-values (Benjamini & Hochberg 1995, eq. 1), shape (tests,)."""
    if not len(p_values):
        return np.zeros(0)
    found: Array = scipy.stats.false_discovery_control(np.clip(p_values, 0.0, 1.0), method="bh")
    return found


def discovered(
    p_values: Sequence[float] | Array, rate: float, weights: Array | None = None
) -> NDArray[np.bool_]:
    """The significant tests, shape (tests,), at a false discovery rate in (0, 1). `weights`: how
    much each test counts, with mean 1, fixed before the answers were seen (Genovese, Roeder &
    Wasserman 2006); none is significant at a p-value above the rate."""
    counted = np.asarray(p_values, dtype=np.float64)
    if weights is not None:
        counted = np.where(counted <= rate, np.minimum(counted / weights, 1.0), 1.0)
    return adjusted(counted) <= rate + 1e-12
