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

_SIZES = np.array([(-5.0, -9.0), (5.0, 1.0)])
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
            total += self.variance * (self.coefficients @ kernel_effects(self.x, near, q))
        return total / len(removal_probabilities)

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.rates)


def kernel_effects(x: Array, near: Array | float, q: float) -> Array:
    """Effects on the kernel's value with each row of x if each segment is removed with probability
    q, shape as x; `near`: the kernel's factor of a segment in which two masks differ."""
    logs = np.log(np.where(x > 0, q + (1 - q) * near, (1 - q) + q * near))
    others: Array = np.exp(logs.sum(axis=1, keepdims=True) - logs)
    return np.where(x > 0, 1 - near, near - 1) * others


class GaussianProcessSolver:
    """The default solver; it ignores weights, since its covariance knows which masks are near."""

    ignores_weights = True

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
    scale = np.log(spread)
    ends = (_vector(n, rates, *(scale + of)) for rates, of in zip(_RATES, _SIZES, strict=True))
    if start is None or len(start) != n + 2:
        start = np.append(likelihood.usual[:-1], scale + _FIRST_NOISE)
    parameters = scipy.optimize.minimize(
        likelihood,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=scipy.optimize.Bounds(*ends),
        options=_SEARCH,
    ).x
    return GaussianProcess(
        x=masks,
        mean=mean,
        constant=likelihood.constant,
        variance=float(np.exp(parameters[n])),
        rates=np.exp(parameters[:n]),
        coefficients=likelihood.solve(parameters)[0],
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
    solved, diagonal = likelihood.solve(likelihood.usual)
    residuals: Array = solved / diagonal
    return residuals


class _Likelihood:
    """Negative log posterior of (log θ, log s², log noise variance), with its gradient. Of
    symmetric matrices only the lower half is computed, in arrays that lie as LAPACK reads them and
    are used again: to get their memory anew takes as long as a product."""

    def __init__(self, x: Array, y: Array, noise_shares: Array, spread: float) -> None:
        rows, n = x.shape
        self._x = np.asfortranarray(x)
        self._y = y
        self._noise = noise_shares
        self._half = np.asfortranarray(np.tri(rows) - np.eye(rows) / 2)
        """The part of a symmetric matrix that with its transpose makes the whole."""
        self._signal, self._work, self._slope = np.zeros((3, rows, rows)).transpose(0, 2, 1)
        self.constant = 10 * spread
        """Prior variance of the process's level: wide."""
        scale = np.log(spread)
        self.usual = _vector(n, np.log(_USUAL_RATES / max(n, 1)), scale, scale + _USUAL_NOISE)
        """Medians of the log-normal priors."""
        self._widths = _vector(n, _RATE_WIDTH, _SIGNAL_WIDTH, _NOISE_WIDTH)

    def solve(self, parameters: Array) -> tuple[Array, Array]:
        """K⁻¹ y, with K the covariance of the observations, and the diagonal of K⁻¹."""
        factor = self._factor(np.exp(parameters))
        solved, _ = scipy.linalg.lapack.dpotrs(factor, self._y, lower=True)
        inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
        return solved, inverse.diagonal().copy()

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        natural = np.exp(parameters)
        factor = self._factor(natural)
        logs = float(np.log(factor.diagonal()).sum())
        solved, _ = scipy.linalg.lapack.dpotrs(factor, self._y, lower=True)
        inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
        slope = np.multiply.outer(solved, solved, out=self._slope)
        slope -= inverse  # the derivative of −2 × value by the covariance
        of_noise = float(slope.diagonal() @ self._noise)
        slope *= self._signal
        slope *= self._half
        of_rows = slope.sum(axis=0) + slope.sum(axis=1)
        gradient = np.empty(len(parameters))
        gradient[:-2] = 0.5 * _pulled(slope, of_rows, self._x) * natural[:-2]
        gradient[-2] = -0.5 * of_rows.sum()
        gradient[-1] = -0.5 * of_noise * natural[-1]
        apart = (parameters - self.usual) / self._widths
        value = 0.5 * float(self._y @ solved) + logs + 0.5 * float(apart @ apart)
        return value, gradient + apart / self._widths

    def _factor(self, natural: Array) -> Array:
        """The Cholesky factor of the covariance; what the masks explain of it is `_signal`."""
        apart = _weighted_half(self._x, natural[:-2], self._work)
        np.exp(np.negative(apart, out=apart), out=self._signal)
        self._signal *= natural[-2]
        covariance = np.add(self._signal, self.constant, out=self._work)
        covariance.reshape(-1, order="F")[:: len(covariance) + 1] += natural[-1] * self._noise
        factor, failed = scipy.linalg.lapack.dpotrf(
            covariance, lower=True, clean=False, overwrite_a=True
        )
        if failed:
            raise np.linalg.LinAlgError("the covariance of the masks is not positive definite")
        return factor  # type: ignore[no-any-return]


def _vector(segments: int, rates: float, signal: float, noise: float) -> Array:
    """All parameters, of which those of the segments are the same."""
    vector = np.full(segments + 2, rates)
    vector[-2:] = signal, noise
    return vector


def _weighted(one: Array, other: Array, rates: Array) -> Array:
    """Σ_i θ_i |x_i − x′_i| per pair of rows, shape (rows of one, rows of other), by matrix
    products: a three-dimensional array takes longer to read than to multiply. A single column may
    hold any number."""
    if one.shape[1] == 1:
        return rates * np.abs(one - other.T)
    root = np.sqrt(rates)
    return (one @ rates)[:, None] + other @ rates - 2 * ((one * root) @ (other * root).T)


def _weighted_half(x: Array, rates: Array, out: Array) -> Array:
    """The lower half of `_weighted` of an array with itself, in `out`; above it stand other finite
    numbers."""
    if x.shape[1] == 1:
        return np.multiply(rates, np.abs(x - x.T), out=out)
    level = x @ rates
    out = np.add.outer(level, level, out=out)
    scaled = x * np.sqrt(rates)
    half: Array = scipy.linalg.blas.dsyrk(
        -2.0, scaled, beta=1.0, c=out, lower=True, overwrite_c=True
    )
    return half


def _pulled(half: Array, of_rows: Array, x: Array) -> Array:
    """Σ_ab pull_ab |x_ai − x_bi| per segment, of a symmetric pull by its lower half and the sums of
    its rows, x as in `_weighted`."""
    if x.shape[1] == 1:
        return np.array([2 * (half * np.abs(x - x.T)).sum()])
    once = scipy.linalg.blas.dtrmm(1.0, half, x, lower=True)
    pulled: Array = 2 * (of_rows @ x - 2 * (once * x).sum(axis=0))
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

    ignores_weights = True

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> WarpedProcess:
        """See `Solver.fit`."""
        return WarpedProcess(fit(design, 1 - (1 - y) ** (1 / ROOT)))


def _change(f: Array) -> Array:
    return 1 - np.clip(1 - f, 0, 1) ** ROOT
