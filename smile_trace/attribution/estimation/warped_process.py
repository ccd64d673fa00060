"""Gaussian process regression on a root of what is left of the answer.

Removing a word divides an answer's probability: after two such words next to nothing is left of
it, and after a third the answer change looks the same. On a root of what is left, f = 1 −
(1 − y)^(1/ROOT), the third still shows, which tells segments apart that the other masks cannot.
What is fitted is bent back to the answer change, so that nothing else changes. (Warped Gaussian
processes: Snelson, Rasmussen & Ghahramani 2004.)
"""

from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.estimation import gaussian_process
from smile_trace.attribution.estimation.gaussian_process import GaussianProcess
from smile_trace.attribution.estimation.solver import Array, Surrogate

ROOT = 4


@dataclass(frozen=True)
class WarpedProcess(Surrogate):
    """A process of f, and what it says of the answer change."""

    process: GaussianProcess

    def predict(self, x: Array) -> Array:
        """Predicted changes of other masks, shape (rows,)."""
        return _change(self.process.predict(x))

    def contrasts(self, x: Array) -> Array:
        """m̂ with x_i = 1 minus m̂ with x_i = 0, the rest of the row as it is; shape as x."""
        level, contrast = self.process.predict(x)[:, None], self.process.contrasts(x)
        return _change(level + (1 - x) * contrast) - _change(level - x * contrast)

    @property
    def segments(self) -> int:
        """How many segments it was fitted to."""
        return self.process.segments


class WarpedProcessSolver:
    """The solver for probabilities. Like the other process's it takes no weights."""

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> WarpedProcess:
        """See `Solver.fit`."""
        return WarpedProcess(gaussian_process.fit(design, 1 - (1 - y) ** (1 / ROOT)))


def _change(f: Array) -> Array:
    change: Array = 1 - np.clip(1 - f, 0, 1) ** ROOT
    return change
