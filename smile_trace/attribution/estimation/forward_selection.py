"""Forward selection of few segments: what is left of the answer changes beside them."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 8
"""Segments that are selected, at most."""

_NONE = 1e-6
"""Variance of a fit that leaves nothing: a server's rounding."""


def residuals_beside_few(x: Array, y: Array) -> Array:
    """The residuals of least squares on the segments that explain the most, shape (rows,).

    One after the other the segment is taken that correlates the most with what is left; how many
    are kept, and whether any, is decided by the extended Bayesian information criterion (Chen &
    Chen 2008), which counts among how many each was chosen.

    Args:
        x: the masks, shape (rows, segments); there may be no segment.
        y: the answer changes, shape (rows,).
    """
    rows, segments = x.shape
    centred = x - x.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    left = best = y - y.mean()
    least, chosen = _criterion(left, 0, segments), list[int]()
    for count in range(1, min(MOST, segments, rows - 2) + 1):
        score = np.abs(centred.T @ left) / np.maximum(norms, _NONE)
        score[chosen] = -1.0
        chosen.append(int(score.argmax()))
        design = np.column_stack([np.ones(rows), x[:, chosen]])
        left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        if (criterion := _criterion(left, count, segments)) < least:
            least, best = criterion, left
    found: Array = best
    return found


def _criterion(left: Array, count: int, segments: int) -> float:
    rows = len(left)
    variance = max(float(left @ left) / rows, _NONE)
    return float(rows * np.log(variance) + count * (np.log(rows) + 2 * np.log(max(segments, 1))))
