"""Findings about one partition from few rows of the target and many of a proxy.

Prediction-powered inference (Angelopoulos et al. 2023, sec. 2) with known propensities: the
target's own random rows correct the multi-fidelity model's prediction, whose estimand is known. The
correction is unbiased however wrong the proxy is, and small and narrow with a good one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from smile_trace._stats.permutation import randomisation
from smile_trace.attribution.answer_change.response_scores import NEGLIGIBLE
from smile_trace.attribution.estimation import gaussian_process, multifidelity
from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.findings import (
    LevelFindings,
    discoveries,
    flags,
    in_place,
    random_rows,
    removal_masks,
)
from smile_trace.attribution.estimation.inference import (
    LEVEL,
    REMOVAL_PROBABILITIES,
    Estimate,
    Rows,
    beside,
    holding_zero,
    limited_translation,
)
from smile_trace.attribution.estimation.multifidelity import (
    LowFidelityFit,
    MultiFidelityModel,
    fit_multi_fidelity,
)
from smile_trace.attribution.estimation.solver import Array
from smile_trace.records import Perturbation, Segment

MIN_TRUST = 0.5
"""Trust above which the proxy's predictions count as more than chance."""


@dataclass(frozen=True)
class PredictionPoweredEstimate:
    """The estimate, the held-out quality (None: too few changes, or none varies) and the trust in
    the proxy, in [0, 1]."""

    estimate: Estimate
    held_out: HeldOut | None
    trust: float

    @property
    def significant(self) -> NDArray[np.bool_]:
        """The segments whose effects are significant."""
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

    Per random row j, with m̂ the model fitted without it and q_j its removal probability, ψ_ij =
    θᵢ(m̂) + (x_ij − q_j) (y_j − m̂(x_j)) / (q_j (1 − q_j)), and likewise for the fit to the proxy's
    own rows. The strata weigh the same. Test: conditional randomisation as in `inference`; the
    prediction without segment i is the link of the proxy's answer change, averaged over x_i.

    Args:
        rows: the target's random rows, and its others (baseline, fixed).
        z: the proxy's changes at the random rows' masks, in [0, 1].
        others_z: the proxy's changes at the others' masks.
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
    """t intervals of the mean of the strata's means; infinite with too few rows. In half a dozen
    rows the variance of ψ is seldom large enough; the mean `squared` residual bounds it below."""
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
        half = scipy.stats.t.ppf((1 + LEVEL) / 2, sizes.sum() - len(strata)) * np.sqrt(variance)
        centre = np.mean([stratum.mean() for stratum in strata]) + correction[i]
        low[i], high[i] = centre - half, centre + half
    return low, high


def _test(
    rows: Rows,
    without_row: list[MultiFidelityModel],
    proxy: LowFidelityFit,
    generator: np.random.Generator,
) -> Array:
    """p-value per segment, as in `inference.randomisation_test`; the residuals are those beside
    what proxy and rows say without x_ij, weighted as in the estimate."""
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
    """Leave-one-out quality, against the mean and the removed share (fitted to the proxy's rows,
    too). A row whose mask occurs again is not held out, since the fit has seen it."""
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
    return HeldOut.of(errors, reference, (rows.y - by_share)[held] ** 2)


def concordance(target: Array, proxy: Array) -> float | None:
    """How often both models order the answer changes of two perturbations alike.

    Harrell's C, in [0, 1]: 1 = the same order, .5 = chance; None if the target's changes do not
    differ. Equal changes of the proxy count half, and pairs of target changes that differ by a
    hundredth or less are left out. For a label, whose answer change is 0 while it stays the same,
    this is the area under the curve of "the label changed".
    """
    apart = target[:, None] - target[None]
    ordered = apart > NEGLIGIBLE
    if not ordered.any():
        return None
    ahead = (proxy[:, None] - proxy[None])[ordered]
    return float(((ahead > 1e-9) + 0.5 * (np.abs(ahead) <= 1e-9)).mean())


ScoredRow = tuple[Perturbation, float | None]
"""A perturbation and its answer change in [0, 1], None without an answer."""


@dataclass(frozen=True)
class ProxyRows:
    """The answered rows of the proxy on one partition: `x` is 1 for a removed free segment, shape
    (rows, segments); `y` the answer changes; `q` the removal probabilities, NaN if not drawn."""

    x: Array
    y: Array
    q: Array

    @classmethod
    def of(cls, rows: Sequence[ScoredRow], free: np.ndarray, *, baseline: bool) -> "ProxyRows":
        """The rows that have an answer; `baseline` adds the unperturbed prompt of every
        partition."""
        known = [(row, y) for row, y in rows if y is not None]
        keep = [np.nan if r.keep_probability is None else r.keep_probability for r, _ in known]
        x, y = removal_masks([row for row, _ in known], free), np.array([y for _, y in known])
        if baseline:
            x, y, keep = (
                np.vstack([x, np.zeros((1, x.shape[1]))]),
                np.append(y, 0.0),
                [*keep, np.nan],
            )
        return cls(x, y, 1 - np.array(keep))

    def effects(self, free: np.ndarray) -> Array:
        """The estimand of a Gaussian process fit for all segments; 0 without rows."""
        if not len(self.y):
            return np.zeros(len(free))
        process = gaussian_process.fit(self.x, self.y)
        return in_place(process.effects(REMOVAL_PROBABILITIES), free)


@dataclass(frozen=True)
class ProxyFindings:
    """A partition's findings, and the proxy's part in them: `trust` and `agreement` are those of
    `ProxyUse`, `backed` that of `PredictionPoweredEstimate`."""

    findings: LevelFindings
    trust: float
    backed: bool
    agreement: float | None


def find_with_proxy(
    segments: tuple[Segment, ...],
    target: Sequence[ScoredRow],
    baseline: Sequence[float],
    paired: Sequence[float | None],
    proxy: ProxyRows,
    seed: list[int],
) -> ProxyFindings:
    """Estimates and tests every free segment of a partition.

    Args:
        baseline: the answer changes of the target's unperturbed prompt.
        paired: the proxy's answer changes at the target's masks; None without an answer.
        seed: of the study and of the partition.
    """
    free = np.array([not segment.protected for segment in segments])
    rows, changes = [row for row, _ in target], [change for _, change in target]
    low_fidelity = multifidelity.fit_low_fidelity(proxy.x, proxy.y, proxy.q, seed)
    fitted = np.clip(low_fidelity.fit.predict(removal_masks(rows, free)), 0, 1)
    z = np.array([f if m is None else m for m, f in zip(paired, fitted, strict=True)])
    known = [k for k, change in enumerate(changes) if change is not None]
    drawn = [k for k in known if rows[k].keep_probability is not None]
    chosen = [k for k in known if k not in drawn]
    answered = [(row, change) for row, change in target if change is not None]
    of_target = random_rows(answered, free, np.ones(len(drawn)))
    unperturbed = np.zeros((len(baseline), int(free.sum())))
    of_target = replace(
        of_target,
        others_x=np.vstack([unperturbed, of_target.others_x]),
        others_y=np.append(np.array(baseline, dtype=float), of_target.others_y),
    )
    others_z = np.append(np.zeros(len(baseline)), z[chosen])
    result = prediction_powered_estimate(of_target, z[drawn], others_z, low_fidelity, [*seed, 2])
    found = holding_zero(result.estimate, result.significant)
    assert found.p_value is not None
    findings = LevelFindings(
        segments=segments,
        effects=in_place(found.effect, free),
        own=in_place(found.own, free),
        low=in_place(found.low, free),
        high=in_place(found.high, free),
        p_values=in_place(found.p_value, free),
        significant=flags(result.significant, free),
        leave_one_out=(None,) * len(segments),
        rows=len(known) + len(proxy.y),
        exact=False,
        fit=result,
        locality=(),
    )
    agreement = concordance(of_target.y, z[drawn])
    return ProxyFindings(findings, result.trust, result.backed, agreement)


MIN_MEAN_TRUST = 0.6
"""The mean trust below which a proxy is dropped."""

ERROR = 0.01
"""Probability that a proxy whose mean trust is at least MIN_MEAN_TRUST is ever dropped."""

_MAX_STAKE = 0.75
"""The largest bet, as a share of the stake that could lose everything on one explanation."""

_EXPECTED = 0.5
"""The trust that the first bet expects, as a share of the minimum."""


def mistrusted(
    trusts: Iterable[float], minimum: float = MIN_MEAN_TRUST, error: float = ERROR
) -> bool:
    """Whether a proxy's mean trust is below `minimum`, tested after every explanation.

    Betting (Waudby-Smith & Ramdas 2024, eq. 30, with the predictable plug-in bets of sec. 4.2): the
    wealth Π (1 + λ_s (minimum − t_s)), with λ_s ≥ 0 set from what came before s, is a nonnegative
    supermartingale if the mean is at least `minimum`. By Ville's inequality it then ever reaches
    1/error with probability at most `error`, however often one looks. `trusts`: in [0, 1], in the
    order of the explanations.
    """
    wealth, total, squares = 1.0, 0.0, 0.0
    max_bet = _MAX_STAKE / (1 - minimum)
    for seen, value in enumerate(trusts, 1):
        mean = (_EXPECTED * minimum + total) / seen
        variance = (0.05 + squares) / seen
        bet = min(max((minimum - mean) / (variance + (minimum - mean) ** 2), 0.0), max_bet)
        wealth *= 1 + bet * (minimum - value)
        if wealth >= 1 / error:
            return True
        total += value
        squares += (value - total / seen) ** 2
    return False
