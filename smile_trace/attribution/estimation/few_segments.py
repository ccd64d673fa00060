"""Few segments that explain the answer changes, by forward selection."""

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.estimation.solver import Array

MOST = 8
"""The most segments, or terms, that are selected."""

ROWS_PER_TERM = 2
"""Rows with another answer change than most for each term, at least: of fewer, other segments make
as good a rule by chance."""

_NONE = 1e-6
"""Variance or norm below which nothing is left but rounding."""


def residuals_beside_few(x: Array, y: Array) -> Array:
    """The residuals of least squares on the segments that explain the most, shape (rows,).

    Segments are taken in turn by their correlation with the residuals. The extended Bayesian
    information criterion (Chen & Chen 2008), which counts the candidates for each choice, decides
    how many are kept, if any. The masks x may have no segment.
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


def enough(x: Array, y: Array, tolerance: float) -> NDArray[np.bool_]:
    """The segments of a few terms that reproduce every answer change, shape (segments,); all of
    them if no few terms do.

    A term is a product: of another term and whether one more segment was removed, or retained. The
    one that explains the most of what is left is taken in turn (as in Friedman's MARS, 1991), so
    that a rule such as "both are needed" takes one term for each of its segments.

    Args:
        x: the masks, 1 where a segment was removed, shape (rows, segments).
        tolerance: the difference up to which an answer change counts as reproduced.
    """
    rows, segments = x.shape
    literals = np.hstack([x, 1 - x])
    terms, parts = np.ones((1, rows)), np.full((1, segments), False)
    basis, left = terms.T / np.sqrt(rows), y - y.sum() / max(rows, 1)
    alike = np.unique(np.round(y / tolerance), return_counts=True)[1].max(initial=0)
    for _ in range(min(MOST, (rows - alike) // ROWS_PER_TERM)):
        if np.all(np.abs(left) <= tolerance):
            break
        candidates = (terms[:, :, None] * literals).transpose(1, 0, 2).reshape(rows, -1)
        beside = candidates - basis @ (basis.T @ candidates)
        norms = np.sqrt((beside**2).sum(axis=0))
        score = np.abs(left @ beside) / np.where(norms > _NONE, norms, np.inf)
        best = int(score.argmax())
        of, literal = divmod(best, 2 * segments)
        terms, parts = np.vstack([terms, candidates[:, best]]), np.vstack([parts, parts[of]])
        parts[-1, literal % segments] = True
        basis = np.column_stack([basis, beside[:, best] / max(norms[best], _NONE)])
        left = left - basis[:, -1] * (basis[:, -1] @ left)
    if np.any(np.abs(left) > tolerance):
        return np.ones(segments, dtype=bool)
    found: NDArray[np.bool_] = parts.sum(axis=0) > 0
    return found
