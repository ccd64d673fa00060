"""SMILE's statistical distances between two samples, and their registry.

A sample is an array of shape (points, dimensions), one row per word or response; distances on a
line take shape (points,). Each is symmetric, 0 for equal samples, and one of SMILE's (Aslansefat et
al. 2024, doi 10.1109/MS.2023.3321282). `distance_named` scales them to [0, 1] for the word vectors
of two answers, averaging those on a line over projections.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from smile_trace.errors import SmileTraceError

Array = NDArray[np.float64]
Distance = Callable[[Array, Array], float]
"""Maps two samples to a number ≥ 0: in [0, 1], or in the unit that its docstring states."""


def least_cost(x_weights: Array, y_weights: Array, cost: Array) -> float:
    """The cost of the cheapest transport between two samples (POT, `emd2`), in the unit of `cost`,
    shape (n, m). The weights, shapes (n,) and (m,), each sum to 1."""
    # POT loads scikit-learn, pandas and PyArrow where an environment has them, and most commands
    # and workers need none of it.
    import ot  # type: ignore[import-untyped]

    return float(ot.emd2(x_weights, y_weights, cost))


def sliced_wasserstein(x: Array, y: Array, *, projections: int = 64, seed: int = 0) -> float:
    """Mean Wasserstein-1 over random projections on a line (Bonneel et al. 2015), Euclidean unit. A
    lower bound of the exact distance, for samples too large for it; shapes (points, dimensions)."""
    import ot

    distance = ot.sliced_wasserstein_distance(x, y, n_projections=projections, p=1, seed=seed)
    return float(distance)


def wasserstein(x: Array, y: Array) -> float:
    """Exact Wasserstein-1 between sets of vectors, in their Euclidean unit."""
    return max(least_cost(_even(x), _even(y), scipy.spatial.distance.cdist(x, y)), 0.0)


def word_movers(x: Array, y: Array) -> float:
    """Optimal transport between sets of word vectors, in [0, 1]: Kusner et al. 2015 with the cost
    (1 − cosine) / 2, so that opposite vectors are 1 apart."""
    cost = np.clip(scipy.spatial.distance.cdist(x, y, "cosine") / 2, 0.0, 1.0)
    return min(max(least_cost(_even(x), _even(y), cost), 0.0), 1.0)


def cosine(x: Array, y: Array) -> float:
    """(1 − cosine) / 2 between the samples' mean vectors, in [0, 1]; 1 if a mean is zero."""
    one, other = x.mean(axis=0), y.mean(axis=0)
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1.0 if lengths == 0 else float(np.clip((1 - one @ other / lengths) / 2, 0, 1))


def energy(x: Array, y: Array) -> float:
    """Energy distance √(2 E|X−Y| − E|X−X′| − E|Y−Y′|) (Székely & Rizzo 2013), √ of the unit."""
    x, y = _rows(x), _rows(y)
    squared = (
        2 * scipy.spatial.distance.cdist(x, y).mean()
        - scipy.spatial.distance.cdist(x, x).mean()
        - scipy.spatial.distance.cdist(y, y).mean()
    )
    return float(np.sqrt(max(squared, 0.0)))


def mmd(x: Array, y: Array) -> float:
    """Maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012, eq. 5), in [0, √2]. The
    kernel's width is the median distance between the points of both samples."""
    x, y = _rows(x), _rows(y)
    both = np.vstack([x, y])
    apart = scipy.spatial.distance.cdist(both, both, "sqeuclidean")
    width = float(np.median(apart[apart > 0])) if np.any(apart > 0) else 1.0
    kernel = np.exp(-apart / (2 * width))
    sign = np.r_[_even(x), -_even(y)]
    return float(np.sqrt(max(sign @ kernel @ sign, 0.0)))


def wasserstein_1d(x: Array, y: Array) -> float:
    """Wasserstein-1 on a line, ∫|F − G| dt, in its unit (SciPy)."""
    return float(scipy.stats.wasserstein_distance(x, y))


def kolmogorov_smirnov(x: Array, y: Array) -> float:
    """sup |F − G|, in [0, 1]."""
    f, g, _, _ = _pooled(x, y)
    return float(np.abs(f - g).max())


def kuiper(x: Array, y: Array) -> float:
    """sup (F − G) + sup (G − F), in [0, 1] (Kuiper 1960)."""
    f, g, _, _ = _pooled(x, y)
    return float(max((f - g).max(), 0.0) + max((g - f).max(), 0.0))


def cramer_von_mises(x: Array, y: Array) -> float:
    """∫ (F − G)² dH, H pooled, in [0, 1] (Anderson 1962, eq. 4, without its factor mn/(m + n))."""
    f, g, _, weights = _pooled(x, y)
    return float(weights @ (f - g) ** 2)


def anderson_darling(x: Array, y: Array) -> float:
    """∫ (F − G)² / (H (1 − H)) dH, in [0, ∞): Cramér–von Mises with weight on the tails (Pettitt
    1976, eq. 1, without its factor mn/(m + n))."""
    f, g, h, weights = _pooled(x, y)
    inside = h < 1
    return float(weights[inside] @ ((f - g)[inside] ** 2 / (h * (1 - h))[inside]))


def dts(x: Array, y: Array) -> float:
    """∫ |F − G| / √(H (1 − H)) dt, in the samples' unit: Wasserstein-1 over the pooled standard
    deviation (Dowd 2020, arXiv 2007.01360, sec. 2, without the constant of the sample size)."""
    f, g, h, _ = _pooled(x, y)
    widths = np.diff(np.unique(np.concatenate([x, y])))
    between = slice(0, len(widths))
    return float(widths @ (np.abs(f - g)[between] / np.sqrt(h * (1 - h))[between]))


CONTENT, WORDS = "content", "words"
"""Comparisons of whole texts: by losses and contradictions, or word by word (`word_losses.py`)."""

_PROJECTIONS = 64

_BETWEEN_VECTORS = (wasserstein, sliced_wasserstein, word_movers, cosine, energy, mmd)

_ON_A_LINE = (
    wasserstein_1d,
    kolmogorov_smirnov,
    kuiper,
    cramer_von_mises,
    anderson_darling,
    dts,
)


def projected(distance: Distance) -> Distance:
    """A distance on a line, averaged over random projections of two sets of vectors."""

    def mean(x: Array, y: Array) -> float:
        directions = _directions(x.shape[1])
        # Rounded, so that a word is at the same point in both answers, whatever its row.
        pairs = zip(np.round(x @ directions, 9).T, np.round(y @ directions, 9).T, strict=True)
        return float(np.mean([distance(one, other) for one, other in pairs]))

    return mean


def scaled(distance: Distance) -> Distance:
    """The distance relative to that of two orthogonal directions (unrelated words), at most 1."""

    @lru_cache(maxsize=8)
    def unrelated(dimensions: int) -> float:
        one, other = np.eye(2, dimensions)[:, None]
        return distance(one, other)

    def relative(x: Array, y: Array) -> float:
        return min(distance(x, y) / unrelated(x.shape[1]), 1.0)

    return relative


_REGISTRY: dict[str, Distance] = {
    **{distance.__name__: scaled(distance) for distance in _BETWEEN_VECTORS},
    **{distance.__name__: scaled(projected(distance)) for distance in _ON_A_LINE},
}


def register_distance(name: str, distance: Distance) -> None:
    """Make a distance known by a name, for this process.

    Args:
        name: for `explain(distance=name)`.
        distance: of the word vectors (unit length, shape (words, dimensions)) of the logged answer
            and of a response, in [0, 1].

    Raises:
        ValueError: the name is taken.
    """
    if name in (*_REGISTRY, CONTENT, WORDS):
        raise ValueError(f"there is a distance {name!r} already: choose another name")
    _REGISTRY[name] = distance


def distance_names() -> tuple[str, ...]:
    """The names of all distances between sets of word vectors, in alphabetical order."""
    return tuple(sorted(_REGISTRY))


class UnknownDistance(SmileTraceError, ValueError):
    """Nobody registered a distance of that name; the message lists those that there are."""


def distance_named(name: str) -> Distance | None:
    """The distance of that name between the word vectors of two answers, in [0, 1]; None for the
    comparisons of whole texts, `content` and `words` (see text_comparison.py). Raises
    UnknownDistance if there is none of that name."""
    if name in (CONTENT, WORDS):
        return None
    if name not in _REGISTRY:
        names = ", ".join((CONTENT, WORDS, *distance_names()))
        raise UnknownDistance(f"There is no distance {name!r}: use {names}.")
    return _REGISTRY[name]


@lru_cache(maxsize=8)
def _directions(dimensions: int) -> Array:
    """Random directions of unit length, shape (dimensions, projections)."""
    drawn = np.random.default_rng(0).standard_normal((dimensions, _PROJECTIONS))
    directions: Array = drawn / np.linalg.norm(drawn, axis=0)
    return directions


def _pooled(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """F, G and H at every distinct point of both samples, and the points' shares in H."""
    both = np.concatenate([x, y])
    points, counts = np.unique(both, return_counts=True)
    f = np.searchsorted(np.sort(x), points, side="right") / len(x)
    g = np.searchsorted(np.sort(y), points, side="right") / len(y)
    return f, g, np.cumsum(counts) / len(both), counts / len(both)


def _even(x: Array) -> Array:
    return np.full(len(x), 1 / len(x))


def _rows(x: Array) -> Array:
    return x[:, None] if x.ndim == 1 else x
