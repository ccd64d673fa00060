"""SMILE's weighted linear surrogate (Aslansefat et al. 2024; gSMILE, arXiv 2505.21657, eq. 6).

θ = argmin Σ w_j (θ·x_j + θ₀ − y_j)² + λ‖θ‖², with the locality weight w_j = exp(−δ_j²/σ²) of the
distance δ_j between the perturbed and the original prompt. Here x_j = 1 where a segment was
removed. λ is chosen by leave-one-out cross-validation.
"""

from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.estimation.solver import Array, Surrogate

_STRENGTHS = np.logspace(-4, 4, 25)
"""Candidates for λ, relative to weights with mean 1."""


@dataclass(frozen=True)
class Linear(Surrogate):
    """A fitted line: prediction = intercept + x · coefficients."""

    intercept: float
    coefficients: Array

    def predict(self, x: Array) -> Array:
        """Predicted changes, shape (rows,)."""
        return self.intercept + x @ self.coefficients

    def contrasts(self, x: Array) -> Array:
        """The coefficients, whatever the row; shape as x."""
        return np.broadcast_to(self.coefficients, x.shape)

    def effects(self, removal_probabilities: tuple[float, ...]) -> Array:
        """The coefficients, whatever the probabilities."""
        return self.coefficients

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.coefficients)


def ridge(x: Array, y: Array, weights: Array) -> Linear:
    """The line through masks, shape (rows, segments), and changes, shape (rows,), with weights of
    mean 1, shape (rows,). Errors of leave-one-out: Rifkin & Lippert 2007, sec. 4."""
    share, root = weights / weights.sum(), np.sqrt(weights)
    x_mean, y_mean = share @ x, share @ y
    change = root * (y - y_mean)
    left, sizes, right = np.linalg.svd(root[:, None] * (x - x_mean), full_matrices=False)
    along = left.T @ change
    kept = sizes**2 / (sizes**2 + _STRENGTHS[:, None])
    errors = (change - (kept * along) @ left.T) / (1 - share - kept @ left.T**2)
    strength = _STRENGTHS[np.argmin(np.mean(errors**2, axis=1))]
    coefficients = (along * sizes / (sizes**2 + strength)) @ right
    return Linear(float(y_mean - x_mean @ coefficients), coefficients)
