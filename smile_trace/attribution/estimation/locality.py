"""The locality weight: how near a perturbation is to the original prompt, by the prompts alone.
SMILE (Aslansefat et al. 2024; gSMILE, arXiv 2505.21657, eq. 6): w = exp(−δ²/σ²), with δ the
distance between the prompts."""

import numpy as np

from smile_trace.attribution.estimation.solver import Array
from smile_trace.attribution.word_vectors import Vectors, unit


def locality(removed: Array, vectors: Vectors, sizes: Array) -> Array:
    """Weight in (0, 1] per mask, shape (rows,); `removed` is 1 where a segment was removed.

    The distance δ is the relaxed word mover's distance from the original prompt to what is left of
    it: a removed segment, weighted by its size (such as words), travels to the nearest retained one
    (cosine distance, in [0, 1]). σ is the median distance, so half of the masks weigh at least e⁻¹.
    """
    directions = unit(vectors)
    cost = np.clip(1 - directions @ directions.T, 0, 1)
    np.fill_diagonal(cost, 0.0)
    distance = np.empty(len(removed))
    for row, out in enumerate(removed > 0):
        nearest = cost[out][:, ~out].min(axis=1) if not out.all() else np.ones(int(out.sum()))
        distance[row] = float(nearest @ sizes[out]) / float(sizes.sum())
    width = float(np.median(distance[distance > 0])) if np.any(distance > 0) else 1.0
    return np.exp(-((distance / width) ** 2))
