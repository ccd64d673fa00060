"""The effects on a target, from few of its answer changes and many of a proxy's.

Multi-fidelity regression (Kennedy & O'Hagan 2000, eq. 2; with a bent link as in Perdikaris et al.
2017): the target's answer change is y(x) = h(z(x)) + δ(x) + ε, where z is the proxy's at the same
mask, h a link from [0, 1] to [0, 1] near the identity, and δ what the proxy does not predict. h and
δ are Gaussian processes, whose sizes are averaged over a small grid by marginal likelihood,
together with models without the proxy. The posterior probability of the models with the proxy is
the **trust**, in [0, 1]: with none, only the target's answer changes count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from smile_trace.attribution.estimation import gaussian_process
from smile_trace.attribution.estimation.gaussian_process import GaussianProcess
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES
from smile_trace.attribution.estimation.solver import Array

_SLOPES = ((0.02, 0.6), (0.3, 0.4))
"""Standard deviation of the link's slope around 1, and its prior weight."""

_BENDS = ((0.0, 0.6), (0.3, 0.2), (1.0, 0.2))
"""Scale of the link's bend, a Brownian bridge that keeps 0 and 1 in place, and its prior weight."""

_DRIFTS = ((0.0, 0.7), (0.1, 0.1), (0.3, 0.1), (0.6, 0.1))
"""Standard deviation of δ, and its prior weight."""

_ALONE = ((0.2, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 3))
"""Standard deviation of the target's answer change without the proxy, and its prior weight."""

_NOISES = np.array([0.01, 0.03, 0.1, 0.2, 0.3])
"""Standard deviation of ε, equally likely."""

_REACHES = (1.0, 5.0)
"""Rates of δ's kernel exp(−rate · Hamming distance), over the number of segments."""

_OFFSET, _OFFSET_ALONE = 0.05, 0.3
"""Standard deviation of the level: the unperturbed prompt's answer change is about 0."""

_MASKS = 1024
"""Masks per stratum over which the effect of a bent answer change is averaged."""


@dataclass(frozen=True)
class LowFidelityFit:
    """The fit to the proxy's rows: its answer change as a function of the mask.

    `by_share` is the fit by the removed share alone, shape (rows, 1), and `effects` the estimand of
    the fit. `removed` and `retained` are the fitted changes, in [0, 1], with segment i removed and
    retained in masks of the design, shape (masks, segments), both strata together. `correction`,
    with standard error `error`, makes `effects` unbiased, by the fit's leave-one-out residuals.
    """

    fit: GaussianProcess
    by_share: GaussianProcess
    effects: Array
    removed: Array
    retained: Array
    correction: Array
    error: Array

    def toggled(self, masks: Array) -> tuple[Array, Array]:
        """The fitted changes, in [0, 1], with each segment removed and retained."""
        return _toggled(self.fit, masks)

    def bent(self, z: Array) -> Array:
        """Effects of the change bent at each of `z`, min(·, z) − · z; shape (segments, z)."""
        columns = [
            _bridge(self.removed, at).mean(0) - _bridge(self.retained, at).mean(0) for at in z
        ]
        return np.array(columns).reshape(len(z), len(self.effects)).T


def fit_low_fidelity(x: Array, y: Array, q: Array, seed: list[int]) -> LowFidelityFit:
    """Fits the proxy's answer changes y (rows,) to masks x (rows, segments), 1 = removed; `q` is
    each row's removal probability, NaN if it was not drawn."""
    fit = gaussian_process.fit(x, y)
    generator = np.random.default_rng(seed)
    n = x.shape[1]
    drawn = [generator.random((_MASKS, n)) < stratum for stratum in REMOVAL_PROBABILITIES]
    removed, retained = _toggled(fit, np.vstack(drawn).astype(float))
    correction, error = _residual_effects(fit, x, y, q)
    return LowFidelityFit(
        fit=fit,
        by_share=gaussian_process.fit(x.mean(axis=1, keepdims=True), y),
        effects=fit.effects(REMOVAL_PROBABILITIES),
        removed=removed,
        retained=retained,
        correction=correction,
        error=error,
    )


@dataclass(frozen=True)
class MultiFidelityModel:
    """The target's fitted answer change: trust · (slope · z + bends + drift + level) + rest alone.

    `bend` weighs the bridges at the training rows' `z`, `drift` per rate the kernels at their masks
    `x`; `trust` is the posterior probability that the proxy predicts the target.
    """

    x: Array
    z: Array
    slope: float
    bend: Array
    drift: dict[float, Array]
    level: float
    trust: float
    alone: GaussianProcess

    def link(self, z: Array) -> Array:
        """h: the target's answer change for the proxy's `z` of any shape."""
        bends = _bridge(z[..., None], self.z) @ self.bend
        return self.level + self.slope * z + bends

    def predict(self, x: Array, z: Array) -> Array:
        """The target's changes at masks `x` with the proxy's changes `z`, shape (rows,)."""
        apart = np.abs(x[:, None, :] - self.x[None]).sum(axis=2)
        by_proxy = self.link(z)
        for rate, weights in self.drift.items():
            by_proxy = by_proxy + np.exp(-rate * apart) @ weights
        return self.trust * by_proxy + (1 - self.trust) * self.alone.predict(x)

    def effects(self, of: LowFidelityFit, bent: Array) -> Array:
        """The estimand of the fit, per segment; `bent` is `of.bent(self.z)`."""
        by_proxy = self.slope * of.effects + bent @ self.bend
        for rate, weights in self.drift.items():
            by_proxy = by_proxy + _kernel_effects(self.x, rate) @ weights
        return self.trust * by_proxy + (1 - self.trust) * self.alone.effects(REMOVAL_PROBABILITIES)


def fit_multi_fidelity(
    x: Array, z: Array, y: Array, start: Array | None = None
) -> MultiFidelityModel:
    """Fits the target's changes y (rows,) at masks x (rows, segments), 1 = removed, with the
    proxy's changes z, in [0, 1], starting the search at `alone.parameters` of a similar fit."""
    models = list(_models(x, z))
    covariances = np.array([model.covariance for model in models])
    by_proxy = np.array([model.by_proxy for model in models])
    values, vectors = np.linalg.eigh(covariances)
    residual = np.where(by_proxy[:, None], y - z, y)
    rotated = np.einsum("kij,ki->kj", vectors, residual)
    variances = np.maximum(values, 0) + _NOISES[:, None, None] ** 2
    fits = -0.5 * ((rotated**2 / variances) + np.log(variances)).sum(axis=2)
    logs = fits + np.log([model.weight for model in models])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    trust = min(float(weights[:, by_proxy].sum()), 1.0)
    # E[α] per model over the noises; each part of the kernel weighs it with its own variance.
    solved = np.einsum("kij,gkj,gk->ki", vectors, rotated / variances, weights)
    solved /= max(trust, 1e-300)
    used = [(model, alpha) for model, alpha in zip(models, solved, strict=True) if model.by_proxy]
    drift: dict[float, Array] = {}
    for model, alpha in used:
        if model.drift:
            drift[model.rate] = drift.get(model.rate, 0.0) + model.drift**2 * alpha
    return MultiFidelityModel(
        x=x,
        z=z,
        slope=1 + float(sum(model.slope**2 * (z @ alpha) for model, alpha in used)),
        bend=sum((model.bend**2 * alpha for model, alpha in used), np.zeros(len(z))),
        drift=drift,
        level=float(sum(_OFFSET**2 * alpha.sum() for _, alpha in used)),
        trust=trust,
        alone=gaussian_process.fit(x, y, start),
    )


@dataclass(frozen=True)
class _Model:
    """One point of the grid: its prior weight, and the covariance of the changes without noise."""

    by_proxy: bool
    slope: float
    bend: float
    drift: float
    rate: float
    weight: float
    covariance: Array


def _models(x: Array, z: Array) -> Iterator[_Model]:
    apart = np.abs(x[:, None, :] - x[None]).sum(axis=2)
    rates = [reach / x.shape[1] for reach in _REACHES]
    near = {rate: np.exp(-rate * apart) for rate in rates}
    lines, bridges = np.outer(z, z), _bridge(z[:, None], z)
    for (slope, of_slope), (bend, of_bend), (drift, of_drift) in product(_SLOPES, _BENDS, _DRIFTS):
        linked = _OFFSET**2 + slope**2 * lines + bend**2 * bridges
        weight = 0.5 * of_slope * of_bend * of_drift
        if not drift:
            yield _Model(True, slope, bend, 0.0, 0.0, weight, linked)
            continue
        for rate in rates:
            covariance = linked + drift**2 * near[rate]
            yield _Model(True, slope, bend, drift, rate, weight / len(rates), covariance)
    for (drift, of_drift), rate in product(_ALONE, rates):
        covariance = _OFFSET_ALONE**2 + drift**2 * near[rate]
        yield _Model(False, 0.0, 0.0, drift, rate, 0.5 * of_drift / len(rates), covariance)


def _bridge(z: Array, at: Array | float) -> Array:
    """Covariance of a Brownian bridge: min(z, at) − z · at."""
    return np.minimum(z, at) - z * at


def _kernel_effects(x: Array, rate: float) -> Array:
    """Effects of exp(−rate · Hamming distance to each row of x), shape (segments, rows)."""
    near = np.exp(-rate)
    total = np.zeros_like(x)
    for q in REMOVAL_PROBABILITIES:
        total += gaussian_process.kernel_effects(x, near, q) / len(REMOVAL_PROBABILITIES)
    return total.T


def _toggled(fit: GaussianProcess, masks: Array) -> tuple[Array, Array]:
    """Computes `LowFidelityFit.toggled`: flipping x_i multiplies the covariance with a row by
    exp(±θ_i), + if the two then agree."""
    level = fit.mean + fit.constant * float(fit.coefficients.sum())
    apart = masks @ ((1 - fit.x) * fit.rates).T + (1 - masks) @ (fit.x * fit.rates).T
    base = fit.variance * np.exp(-apart) * fit.coefficients
    as_it_is = base.sum(axis=1, keepdims=True)
    removed = np.where(masks > 0, as_it_is, base @ np.exp(fit.rates * (2 * fit.x - 1)))
    retained = np.where(masks > 0, base @ np.exp(fit.rates * (1 - 2 * fit.x)), as_it_is)
    return np.clip(level + removed, 0, 1), np.clip(level + retained, 0, 1)


def _residual_effects(fit: GaussianProcess, x: Array, y: Array, q: Array) -> tuple[Array, Array]:
    """Mean and standard error of the inverse-propensity effects of leave-one-out residuals."""
    drawn = ~np.isnan(q)
    n = x.shape[1]
    if not fit.variance or drawn.sum() < 4:
        return np.zeros(n), np.zeros(n)
    residual = _leave_one_out_residuals(fit, x, y)[drawn]
    q, x = q[drawn], x[drawn]
    psi = (x - q[:, None]) / (q * (1 - q))[:, None] * residual[:, None]
    strata = [psi[q == value] for value in np.unique(q)]
    mean = np.mean([part.mean(axis=0) for part in strata], axis=0)
    variance = sum(part.var(axis=0, ddof=1) / len(part) for part in strata if len(part) > 1)
    return mean, np.sqrt(variance) / len(strata)


def _leave_one_out_residuals(fit: GaussianProcess, x: Array, y: Array) -> Array:
    """Leave-one-mask-out residuals (Rasmussen & Williams 2006, eq. 5.12): all rows of a mask go."""
    noise = float(np.exp(fit.parameters[-1]))
    place = {row.tobytes(): k for k, row in enumerate(fit.x)}
    rows = np.array([place[row.tobytes()] for row in x])
    shares = noise / np.bincount(rows, minlength=len(fit.x))
    apart = np.abs(fit.x[:, None, :] - fit.x[None]) @ fit.rates
    covariance = fit.variance * np.exp(-apart) + fit.constant + np.diag(shares)
    of_masks: Array = fit.coefficients / np.diag(np.linalg.inv(covariance))
    means = np.bincount(rows, weights=y) / np.bincount(rows)
    residuals: Array = of_masks[rows] + y - means[rows]
    return residuals
