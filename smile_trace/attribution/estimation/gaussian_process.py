"""Gaussian process regression of the answer change on the mask, interactions included.

Prior covariance of two masks: s² exp(−Σ_i θ_i |x_i − x′_i|), the exponential kernel of their
weighted Hamming distance: each segment has a rate θ_i (0: it never matters), and segments may
interact. Rates, s² and the noise are the posterior mode under the marginal likelihood (Rasmussen &
Williams 2006, eq. 5.8) and log-normal priors. Without the rates' prior a few dozen rows would leave
as many rates as segments free to explain noise. The kernel is a product over segments, so the
estimand of a fit is a closed sum (Bayesian quadrature, O'Hagan 1991).

The warped process (Snelson, Rasmussen & Ghahramani 2004) is for probabilities. Each removed word
divides an answer's probability, so that a third no longer shows in the answer change. It shows on a
root of what is left, f = 1 − (1 − y)^(1/ROOT), which tells more segments apart. Predictions are
bent back to the answer change.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.estimation.solver import Array, Surrogate

_RATES = (-8.0, 3.0)
"""Bounds of log θ."""

_SIGNAL, _NOISE = (-5.0, 5.0), (-9.0, 1.0)
"""Bounds of log s² and the log noise variance, relative to the log variance of the changes."""

_SIGNAL_WIDTH = 1.5
"""Standard deviation of log s² around the log variance of the changes."""

_USUAL_NOISE, _NOISE_WIDTH = 0.0, 1.5
"""Mean and standard deviation of the log noise variance, relative as above: wide enough for no
noise, narrow enough that noise is not fitted as interactions."""

_USUAL_RATES, _RATE_WIDTH = 2.0, 1.25
"""Median of all rates together under their prior, and standard deviation of log θ: some segments
matter a hundred times as much as others, and a few rows must not decide which."""

_FIRST_NOISE = -2.0
"""Start of the search for the log noise variance, relative as above; others start at medians."""

_SEARCH = {"maxiter": 60, "ftol": 1e-6}
"""Ends the search once a step gains less than a millionth of the log posterior: the rest takes as
long again, and moves no effect by a thousandth."""


@dataclass(frozen=True)
class GaussianProcess(Surrogate):
    """A fitted process; `x` holds its distinct masks, 1 = removed, shape (masks, segments).
    `parameters` may start the search for a similar fit."""

    x: Array
    mean: float
    constant: float
    variance: float
    rates: Array
    coefficients: Array
    parameters: Array

    def predict(self, x: Array) -> Array:
        """Predicted changes of other masks, shape (rows,)."""
        covariance = self.variance * np.exp(-_weighted(x, self.x, self.rates)) + self.constant
        return self.mean + covariance @ self.coefficients

    def contrasts(self, x: Array) -> Array:
        """m̂ with x_i = 1 minus m̂ with x_i = 0, the rest of the row unchanged; shape as x."""
        near = np.exp(-self.rates)
        each = np.exp(-_weighted(x, self.x, self.rates)) * self.coefficients
        removed, retained = each @ self.x, each @ (1 - self.x)
        # A mask with the other x_i has the factor `near` in its covariance already.
        change = np.where(x > 0, removed - retained / near, removed / near - retained)
        return self.variance * (1 - near) * change

    def second_differences(self, x: Array, pair: tuple[int, int]) -> Array:
        """m̂ with two segments retained (0) and removed (1), the rest of the row unchanged; shape
        (rows, 2, 2), the first along the second axis, up to a constant per row."""
        logs = -_weighted(x, self.x, self.rates)
        for i in pair:
            logs += self.rates[i] * np.abs(x[:, [i]] - self.x[:, i])
        near = [
            np.exp(-self.rates[i] * np.abs(np.array([[0.0], [1.0]]) - self.x[:, i])) for i in pair
        ]
        second_differences: Array = self.variance * np.einsum(
            "rm,am,bm,m->rab", np.exp(logs), *near, self.coefficients, optimize=True
        )
        return second_differences

    def effects(self, removal_probabilities: tuple[float, ...]) -> Array:
        """The estimand of the fit per segment, averaged over the strata."""
        near = np.exp(-self.rates)
        total = np.zeros(self.x.shape[1])
        for q in removal_probabilities:
            expected = np.where(self.x > 0, q + (1 - q) * near, (1 - q) + q * near)
            others = np.exp(np.log(expected).sum(axis=1, keepdims=True) - np.log(expected))
            change = np.where(self.x > 0, 1 - near, near - 1)
            total += self.variance * (self.coefficients @ (change * others))
        return total / len(removal_probabilities)

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.rates)


class GaussianProcessSolver:
    """The default solver; it ignores weights, since its covariance knows which masks are near."""

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> GaussianProcess:
        """See `Solver.fit`."""
        return fit(design, y)


def fit(x: Array, y: Array, start: Array | None = None) -> GaussianProcess:
    """Fits masks x (rows, segments), 1 = removed, to changes y (rows,), averaging rows of one mask.
    The search begins at `start`, the `parameters` of a similar fit."""
    masks, place, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    means = np.bincount(place.ravel(), weights=y) / counts
    n, mean, spread = masks.shape[1], float(means.mean()), float(means.var())
    if spread < 1e-12:
        zero = np.zeros(len(masks))
        return GaussianProcess(masks, mean, 0.0, 0.0, np.zeros(n), zero, np.zeros(0))
    likelihood = _Likelihood(masks, means - mean, 1 / counts, spread)
    bounds = [_RATES] * n
    scale = np.log(spread)
    bounds += [(scale + low, scale + high) for low, high in (_SIGNAL, _NOISE)]
    if start is None or len(start) != n + 2:
        start = np.r_[likelihood.usual[:-1], scale + _FIRST_NOISE]
    parameters = scipy.optimize.minimize(
        likelihood, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_SEARCH
    ).x
    covariance, _ = likelihood.covariance(parameters)
    return GaussianProcess(
        x=masks,
        mean=mean,
        constant=likelihood.constant,
        variance=float(np.exp(parameters[n])),
        rates=np.exp(parameters[:n]),
        coefficients=scipy.linalg.solve(covariance, means - mean, assume_a="pos"),
        parameters=parameters,
    )


def leave_one_out_residuals(x: Array, y: Array) -> Array:
    """y − the mean of the process that has seen the other rows, shape (rows,). Closed form
    (Rasmussen & Williams 2006, eq. 5.12) with all parameters at their prior medians, so nothing is
    searched. The masks x may have no segment."""
    spread = float(y.var())
    if spread < 1e-12:
        return np.zeros(len(y))
    likelihood = _Likelihood(x, y - y.mean(), np.ones(len(y)), spread)
    covariance, _ = likelihood.covariance(likelihood.usual)
    inverse = np.linalg.inv(covariance)
    residuals: Array = inverse @ (y - y.mean()) / np.diag(inverse)
    return residuals


class _Likelihood:
    """Negative log posterior of (log θ, log s², log noise variance), with its gradient."""

    def __init__(self, x: Array, y: Array, noise_shares: Array, spread: float) -> None:
        self._x = x
        self._y = y
        self._noise = np.diag(noise_shares)
        self.constant = 10 * spread
        """Prior variance of the process's level: wide."""
        n = x.shape[1]
        scale = np.log(spread)
        self.usual = np.r_[
            np.full(n, np.log(_USUAL_RATES / max(n, 1))), scale, scale + _USUAL_NOISE
        ]
        """Medians of the log-normal priors."""
        self._widths = np.r_[np.full(n, _RATE_WIDTH), _SIGNAL_WIDTH, _NOISE_WIDTH]

    def covariance(self, parameters: Array) -> tuple[Array, Array]:
        """Covariance of the observations, and the part of it that the masks explain."""
        rates, variance, noise = np.split(np.exp(parameters), [len(parameters) - 2, -1])
        signal = variance * np.exp(-_weighted(self._x, self._x, rates))
        return signal + noise * self._noise + self.constant, signal

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        n = len(parameters) - 2
        rates, noise = np.exp(parameters[:n]), float(np.exp(parameters[n + 1]))
        covariance, signal = self.covariance(parameters)
        factor = scipy.linalg.cholesky(covariance, lower=True, check_finite=False)
        inverse = _inverse(factor)
        solved = inverse @ self._y
        value = 0.5 * float(self._y @ solved) + float(np.log(np.diag(factor)).sum())
        slope = np.outer(solved, solved) - inverse  # derivative of −2 × value by the covariance
        gradient = np.empty(n + 2)
        pull = slope * signal
        gradient[:n] = 0.5 * _pulled(pull, self._x) * rates
        gradient[n] = -0.5 * float(pull.sum())
        gradient[n + 1] = -0.5 * float((slope * self._noise).sum()) * noise
        apart = (parameters - self.usual) / self._widths
        return value + 0.5 * float(apart @ apart), gradient + apart / self._widths


def _inverse(factor: Array) -> Array:
    """The inverse of L Lᵀ, at a third of the cost of solving for every unit vector."""
    lower, _ = scipy.linalg.lapack.dpotri(factor, lower=True)
    inverse: Array = np.tril(lower) + np.tril(lower, -1).T
    return inverse


def _weighted(one: Array, other: Array, rates: Array) -> Array:
    """Σ_i θ_i |x_i − x′_i| per pair of rows, shape (rows of one, rows of other), by matrix
    products: a three-dimensional array takes longer to read than to multiply. A single column may
    hold any number."""
    if one.shape[1] == 1:
        return rates * np.abs(one - other.T)
    root = np.sqrt(rates)
    left = one * root
    right = left if one is other else other * root  # of one array NumPy computes half
    return (one @ rates)[:, None] + other @ rates - 2 * (left @ right.T)


def _pulled(pull: Array, x: Array) -> Array:
    """Σ_ab pull_ab |x_ai − x_bi| per segment; pull is symmetric, x as in `_weighted`."""
    if x.shape[1] == 1:
        return np.array([(pull * np.abs(x - x.T)).sum()])
    once = scipy.linalg.blas.dtrmm(2.0, pull.T, x, lower=True)  # half of the matrix is enough
    pulled: Array = 2 * ((pull.sum(axis=1) + np.diag(pull)) @ x - (once * x).sum(axis=0))
    return pulled


ROOT = 4


@dataclass(frozen=True)
class WarpedProcess(Surrogate):
    """A process of f, and the answer change that it predicts."""

    process: GaussianProcess

    def predict(self, x: Array) -> Array:
        """Predicted changes of other masks, shape (rows,)."""
        return _change(self.process.predict(x))

    def contrasts(self, x: Array) -> Array:
        """m̂ with x_i = 1 minus m̂ with x_i = 0, the rest of the row unchanged; shape as x."""
        level, contrast = self.process.predict(x)[:, None], self.process.contrasts(x)
        return _change(level + (1 - x) * contrast) - _change(level - x * contrast)

    @property
    def segments(self) -> int:
        """The number of segments."""
        return self.process.segments


class WarpedProcessSolver:
    """The solver for probabilities; it ignores weights, like `GaussianProcessSolver`."""

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> WarpedProcess:
        """See `Solver.fit`."""
        return WarpedProcess(fit(design, 1 - (1 - y) ** (1 / ROOT)))


def _change(f: Array) -> Array:
    return 1 - np.clip(1 - f, 0, 1) ** ROOT
