"""SMILE's linear surrogate: weighted ridge regression of the answer change on the mask.

SMILE (Aslansefat et al. 2024) and gSMILE (arXiv 2505.21657, eq. 6): θ = argmin Σ w_j (θ·x_j +
θ₀ − y_j)² + λ‖θ‖², with the locality weight w_j = exp(−δ_j²/σ²) of the distance δ_j between
the perturbed and the original prompt. Here x_j = 1 where a segment was removed. λ is chosen
by leave-one-out cross-validation (closed form, from one eigendecomposition).
"""

from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.estimation.solver import Array, Surrogate

_STRENGTHS = np.logspace(-4, 3, 22)
"""Candidates for λ, relative to the mean diagonal of the Gram matrix."""


@dataclass(frozen=True)
class Ridge(Surrogate):
    """A fitted surrogate: prediction = intercept + x · coefficients."""

    intercept: float
    coefficients: Array

    def predict(self, x: Array) -> Array:
        """Predicted changes, shape (rows,)."""
        prediction: Array = self.intercept + x @ self.coefficients
        return prediction

    def contrasts(self, x: Array) -> Array:
        """The coefficients, whatever the row; shape as x."""
        return np.broadcast_to(self.coefficients, x.shape)

    def effects(self, removal_probabilities: tuple[float, ...]) -> Array:
        """The coefficients, whatever the probabilities."""
        return self.coefficients

    @property
    def segments(self) -> int:
        """How many segments it was fitted to."""
        return len(self.coefficients)


class RidgeSolver:
    """SMILE's solver: ridge regression with the locality weights."""

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> Ridge:
        """See `Solver.fit`."""
        return fit(design, y, weights)


def fit(x: Array, y: Array, weights: Array | None = None) -> Ridge:
    """Fits rows x (rows, segments) to changes y (rows,), λ by leave-one-out cross-validation.

    With fewer than three rows, or a constant answer change, the fit is the (weighted) mean.
    """
    w = np.ones(len(y)) if weights is None else weights / weights.mean()
    share = w / w.sum()
    centre_x, centre_y = share @ x, float(share @ y)
    root = np.sqrt(w)
    a = (x - centre_x) * root[:, None]
    b = (y - centre_y) * root
    if len(y) < 3 or not np.any(np.abs(b) > 0) or not np.any(a):
        return Ridge(centre_y, np.zeros(x.shape[1]))
    values, u = np.linalg.eigh(a @ a.T)
    values = np.maximum(values, 0.0)
    rotated = u.T @ b
    scale = max(float(values.mean()), 1e-12)
    # Residuals of leave-one-out: e_j / (1 − h_jj); the intercept takes share_j of leverage.
    best, best_error = _STRENGTHS[-1] * scale, np.inf
    for strength in _STRENGTHS * scale:
        shrunk = values / (values + strength)
        leverage = (u**2) @ shrunk + share
        residual = (b - u @ (shrunk * rotated)) / np.maximum(1 - leverage, 1e-6)
        error = float(residual @ residual)
        if error < best_error * (1 - 1e-9):
            best, best_error = strength, error
    flat_error = float(((b / np.maximum(1 - share, 1e-6)) ** 2).sum())
    if best_error >= flat_error:
        return Ridge(centre_y, np.zeros(x.shape[1]))
    coefficients = a.T @ (u @ (rotated / (values + best)))
    return Ridge(centre_y - float(centre_x @ coefficients), coefficients)
