"""Findings about one partition from few rows of the target and many of a proxy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smile_trace.attribution.estimation import gaussian_process, multifidelity
from smile_trace.attribution.estimation.findings import LevelFindings, in_place, removal_masks
from smile_trace.attribution.estimation.inference import (
    REMOVAL_PROBABILITIES,
    Array,
    Rows,
    holding_zero,
)
from smile_trace.attribution.estimation.prediction_powered import prediction_powered_estimate
from smile_trace.attribution.estimation.proxy_agreement import concordance
from smile_trace.records import Perturbation, Segment

ScoredRow = tuple[Perturbation, float | None]
"""A perturbation and its answer change in [0, 1], None where there is no answer."""


@dataclass(frozen=True)
class ProxyRows:
    """The answered rows of the proxy on one partition.

    `x` is 1 where a free segment was removed, shape (rows, segments); `y` the answer changes;
    `q` the rows' removal probabilities, NaN where the mask was not drawn.
    """

    x: Array
    y: Array
    q: Array

    @classmethod
    def of(cls, rows: Sequence[ScoredRow], free: np.ndarray, *, baseline: bool) -> "ProxyRows":
        """Those with an answer.

        Args:
            rows: all rows of the partition.
            free: which of its segments may be removed.
            baseline: whether the unperturbed prompt, which belongs to every partition, is to be
                added.
        """
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
        """The estimand of a Gaussian process fit, for all segments; 0 without rows."""
        if not len(self.y):
            return np.zeros(len(free))
        process = gaussian_process.fit(self.x, self.y)
        return in_place(process.effects(REMOVAL_PROBABILITIES), free)


@dataclass(frozen=True)
class ProxyFindings:
    """A partition's findings, and what the proxy contributed to them.

    `trust` and `agreement` are those of `ProxyUse`; `backed` says that more than a good fit
    supports the findings.
    """

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
        segments: of the partition.
        target: the target's rows.
        baseline: the answer changes of the target's unperturbed prompt.
        paired: the proxy's answer changes at the target's masks.
        proxy: all rows of the proxy.
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
    of_target = _target_rows(
        [target[k] for k in drawn], [target[k] for k in chosen], baseline, free
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
        significant=tuple(bool(s) for s in in_place(result.significant.astype(float), free)),
        leave_one_out=(None,) * len(segments),
        rows=len(known) + len(proxy.y),
        exact=False,
        held_out=result.held_out,
        locality=(),
    )
    agreement = concordance(of_target.y, z[drawn])
    return ProxyFindings(findings, result.trust, result.backed, agreement)


def _target_rows(
    drawn: Sequence[ScoredRow],
    chosen: Sequence[ScoredRow],
    baseline: Sequence[float],
    free: np.ndarray,
) -> Rows:
    """The target's random rows; its others are the baselines and the chosen ones."""
    random = [row for row, _ in drawn]
    others = removal_masks([row for row, _ in chosen], free)
    varies = [[k not in row.fixed for k in np.flatnonzero(free)] for row in random]
    return Rows(
        x=removal_masks(random, free),
        y=np.array([change for _, change in drawn], dtype=float),
        q=1 - np.array([row.keep_probability for row in random], dtype=float),
        varies=np.array(varies, dtype=bool).reshape(len(random), int(free.sum())),
        weights=np.ones(len(random)),
        others_x=np.vstack([np.zeros((len(baseline), int(free.sum()))), others]),
        others_y=np.append(
            np.array(baseline, dtype=float), np.array([c for _, c in chosen], dtype=float)
        ),
    )
