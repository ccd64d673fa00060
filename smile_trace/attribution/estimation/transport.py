"""Optimal transport between two samples, by POT.

POT is imported where it is first needed: it loads scikit-learn, pandas and PyArrow, too, where an
environment has them (MLflow brings them), and most commands and workers compare no answers.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def least_cost(x_weights: Array, y_weights: Array, cost: Array) -> float:
    """The cost of the cheapest transport from one sample to the other (POT, `emd2`).

    Args:
        x_weights: shape (n,), of sum 1.
        y_weights: shape (m,), of sum 1.
        cost: shape (n, m).

    Returns:
        In the unit of `cost`.
    """
    import ot  # type: ignore[import-untyped]

    return float(ot.emd2(x_weights, y_weights, cost))


def sliced_wasserstein(x: Array, y: Array, *, projections: int = 64, seed: int = 0) -> float:
    """Mean Wasserstein-1 over random projections on a line (Bonneel et al. 2015), Euclidean unit.

    Below the exact one; for samples too large for it. `x` and `y` have shape (points, dimensions).
    """
    import ot

    distance = ot.sliced_wasserstein_distance(x, y, n_projections=projections, p=1, seed=seed)
    return float(distance)
