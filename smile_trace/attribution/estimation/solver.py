"""The solver: from masks and answer changes to a model of how each segment acts.

`GaussianProcessSolver` is the default, `WarpedProcessSolver` serves probabilities without noise,
and `RegressorSolver` is SMILE's weighted linear surrogate, or any regressor of scikit-learn. A
solver of your own needs `fit`, and a `Surrogate` with `predict`.
"""

from abc import ABC, abstractmethod
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SAMPLES = 4096
"""Masks (per removal probability) over which effects without a closed form are averaged."""


class Surrogate(ABC):
    """A fitted model of the answer change as a function of the mask.

    Masks have shape (rows, segments), 1 = removed. Only `predict` has to be written; the other
    methods are derived from it, and may be overridden by a closed form.
    """

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """The predicted answer changes of the masks `x`, shape (rows,)."""

    def contrasts(self, x: Array) -> Array:
        """Per row and segment, the prediction with it removed less that with it retained."""
        columns = []
        for i in range(x.shape[1]):
            removed, retained = x.copy(), x.copy()
            removed[:, i], retained[:, i] = 1.0, 0.0
            columns.append(self.predict(removed) - self.predict(retained))
        return np.column_stack(columns)

    def second_differences(self, x: Array, pair: tuple[int, int]) -> Array:
        """The predictions with a pair's segments retained (0) and removed (1), shape (rows, 2, 2),
        the first segment along the second axis; up to a constant per row."""
        predictions = np.empty((len(x), 2, 2))
        for a in (0, 1):
            for b in (0, 1):
                masks = x.copy()
                masks[:, pair[0]], masks[:, pair[1]] = a, b
                predictions[:, a, b] = self.predict(masks)
        return predictions

    def effects(self, removal_probabilities: tuple[float, ...]) -> Array:
        """The estimand (docs/method.md) of the fit, shape (segments,)."""
        means = []
        for q in removal_probabilities:
            masks, chances = _masks(self.segments, q)
            means.append(chances @ self.contrasts(masks))
        effects: Array = np.mean(means, axis=0)
        return effects

    @property
    @abstractmethod
    def segments(self) -> int:
        """The number of segments it was fitted to."""


def _masks(segments: int, q: float) -> tuple[Array, Array]:
    """Masks that remove each segment with probability q, and the weight of each in a mean."""
    if 2**segments <= _SAMPLES:
        every = np.array(list(product((0.0, 1.0), repeat=segments)))
        removed = every.sum(axis=1)
        return every, q**removed * (1 - q) ** (segments - removed)
    drawn = np.random.default_rng(0).random((_SAMPLES, segments)) < q
    return drawn.astype(float), np.full(_SAMPLES, 1 / _SAMPLES)


class Solver(Protocol):
    """Fits a surrogate to the perturbations of one partition."""

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> Surrogate:
        """Fits masks to answer changes.

        Args:
            design: the masks, shape (rows, segments), 1 = removed. Rows may repeat.
            y: the answer changes, in [0, 1], shape (rows,).
            weights: locality weights in (0, 1], from the prompts alone; a solver may ignore them.
        """
        ...
