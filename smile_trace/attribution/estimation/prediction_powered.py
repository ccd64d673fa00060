"""Estimate, interval and test of the target's effects, with a proxy for what was not asked.

Prediction-powered inference (Angelopoulos et al. 2023, sec. 2) with known propensities: the
prediction of the multi-fidelity model has a known estimand, and the target's own random rows
correct it. However wrong the proxy is, the correction is unbiased; with a good one it is small
and its interval narrow.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from smile_trace._stats.permutation import randomisation
from smile_trace.attribution.estimation.fidelity import HeldOut, jackknife
from smile_trace.attribution.estimation.findings import discoveries
from smile_trace.attribution.estimation.inference import (
    LEVEL,
    Array,
    Estimate,
    Rows,
    beside,
    limited_translation,
)
from smile_trace.attribution.estimation.multifidelity import (
    LowFidelityFit,
    MultiFidelityModel,
    fit_multi_fidelity,
)

MIN_TRUST = 0.5
"""Trust above which the proxy's predictions count as more than chance."""


@dataclass(frozen=True)
class PredictionPoweredEstimate:
    """The estimate, how well held-out answer changes are predicted (None: too few, or none
    varies), and the trust in the proxy, in [0, 1]."""

    estimate: Estimate
    held_out: HeldOut | None
    trust: float

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Which segments' effects are significant."""
        return discoveries(self.estimate)

    @property
    def backed(self) -> bool:
        """Whether there is more than a good fit, which a dozen rows of noise often have, too: a
        proxy that predicts the target, or a significant segment."""
        return self.trust > MIN_TRUST or bool(self.significant.any())


def prediction_powered_estimate(
    rows: Rows, z: Array, others_z: Array, proxy: LowFidelityFit, seed: list[int]
) -> PredictionPoweredEstimate:
    """Estimate, interval and p-value of every segment.

    Per random row j, with m̂ the model fitted without it and q_j its removal probability,
    ψ_ij = θᵢ(m̂) + (x_ij − q_j) (y_j − m̂(x_j)) / (q_j (1 − q_j)), and likewise for the fit to
    the proxy's own rows. The strata weigh the same.
    Test: conditional randomisation as in `inference`, with the link of the proxy's answer
    change, averaged over x_i, as the prediction without segment i.

    Args:
        rows: the target's random rows, and its others (baseline, fixed).
        z: the proxy's changes at the random rows' masks, in [0, 1].
        others_z: and at the others'.
        proxy: the fit to the proxy's rows.
        seed: of the randomisation.
    """
    x = np.vstack([rows.others_x, rows.x])
    y, both_z = np.append(rows.others_y, rows.y), np.append(others_z, z)
    whole, bent = fit_multi_fidelity(x, both_z, y), proxy.bent(both_z)
    first = len(rows.others_y)
    without_row = []
    for j in range(len(rows.y)):
        others = np.arange(len(y)) != first + j
        fit = fit_multi_fidelity(x[others], both_z[others], y[others], whole.alone.parameters)
        without_row.append((fit, fit.effects(proxy, bent[:, others])))
    predicted = np.array(
        [fit.predict(rows.x[j : j + 1], z[j : j + 1])[0] for j, (fit, _) in enumerate(without_row)]
    ).reshape(len(rows.y))
    scale = (rows.x - rows.q[:, None]) / (rows.q * (1 - rows.q))[:, None]
    fitted = np.array([effects for _, effects in without_row]).reshape(rows.x.shape)
    psi = fitted + scale * (rows.y - predicted)[:, None]
    slope = whole.trust * whole.slope
    squared = float(((rows.y - predicted) ** 2).mean()) if len(rows.y) else 1.0
    bias, error = slope * proxy.correction, abs(slope) * proxy.error
    low, high = _intervals(psi, rows, squared, bias, error)
    own = whole.effects(proxy, bent)
    effect = limited_translation(own, low, high)
    p_value = _test(rows, [fit for fit, _ in without_row], proxy, np.random.default_rng(seed))
    low, high = np.clip(low, -1, 1), np.clip(high, -1, 1)
    estimate = Estimate(effect, own, low, high, beside(effect, p_value))
    return PredictionPoweredEstimate(estimate, _held_out(rows, predicted, proxy), whole.trust)


def _intervals(
    psi: Array, rows: Rows, squared: float, correction: Array, error: Array
) -> tuple[Array, Array]:
    """t intervals of the mean of the strata's means; any value where there are too few rows.

    With half a dozen rows in a stratum the variance of ψ is seldom large enough: where the
    mean `squared` residual says that it should be larger, that is taken.
    """
    n = rows.x.shape[1]
    low, high = np.full(n, -np.inf), np.full(n, np.inf)
    for i in range(n):
        used = rows.varies[:, i]
        chances = np.unique(rows.q[used])
        strata = [psi[used & (rows.q == q), i] for q in chances]
        if len(strata) < 2 or any(len(stratum) < 2 for stratum in strata):
            continue
        sizes = np.array([len(stratum) for stratum in strata])
        seen = float((np.array([stratum.var(ddof=1) for stratum in strata]) / sizes).sum())
        expected = float((squared / (chances * (1 - chances)) / sizes).sum())
        variance = max(seen, expected) / len(strata) ** 2 + error[i] ** 2
        half = stats.t.ppf((1 + LEVEL) / 2, sizes.sum() - len(strata)) * np.sqrt(variance)
        centre = np.mean([stratum.mean() for stratum in strata]) + correction[i]
        low[i], high[i] = centre - half, centre + half
    return low, high


def _test(
    rows: Rows,
    without_row: list[MultiFidelityModel],
    proxy: LowFidelityFit,
    generator: np.random.Generator,
) -> Array:
    """p-value per segment, as in `inference.randomisation_test`.

    The residuals are of what proxy and rows say without x_ij, weighted as in the estimate.
    """
    count, n = rows.x.shape
    if not count:
        return np.ones(n)
    removed, retained = proxy.toggled(rows.x)
    known = np.empty_like(rows.x)
    for j, fit in enumerate(without_row):
        others = np.delete(rows.y, j)
        mean = float(others.mean()) if count > 1 else 0.0
        q = rows.q[j]
        by_proxy = q * fit.link(removed[j]) + (1 - q) * fit.link(retained[j])
        known[j] = fit.trust * by_proxy + (1 - fit.trust) * mean
    scale = 1 / (rows.q * (1 - rows.q))
    residuals = (rows.y[:, None] - known) * rows.varies * scale[:, None]
    return randomisation(rows.x, rows.q, residuals, generator)


def _held_out(rows: Rows, predicted: Array, proxy: LowFidelityFit) -> HeldOut | None:
    """Leave-one-out quality, against the mean and against the removed share.

    The curve in the share is fitted to the proxy's rows, too. A row with the mask of another one
    is not held out: the fit has seen it.
    """
    x, y = np.vstack([rows.others_x, rows.x]), np.append(rows.others_y, rows.y)
    first, count = len(rows.others_y), len(rows.y)
    _, place, times = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    held = np.flatnonzero(times[place.ravel()[first:]] == 1)
    if len(held) < 4 or float(np.ptp(rows.y[held])) == 0.0:
        return None
    share = x.mean(axis=1, keepdims=True)
    z = np.clip(proxy.by_share.predict(share), 0, 1)
    start = fit_multi_fidelity(share, z, y).alone.parameters
    by_share = np.empty(count)
    for j in held:
        others, this = np.arange(len(y)) != first + j, slice(first + j, first + j + 1)
        fit = fit_multi_fidelity(share[others], z[others], y[others], start)
        by_share[j] = fit.predict(share[this], z[this])[0]
    means = (rows.y.sum() - rows.y) / (count - 1)
    errors, reference = (rows.y - predicted)[held] ** 2, (rows.y - means)[held] ** 2
    counted = (rows.y - by_share)[held] ** 2
    low, high = jackknife(errors, reference)
    return HeldOut(
        r2=1 - float(errors.sum() / reference.sum()),
        low=low,
        high=high,
        gain=1 - float(errors.sum() / max(counted.sum(), 1e-300)),
    )
