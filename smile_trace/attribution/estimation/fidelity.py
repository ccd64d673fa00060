"""How well the surrogate predicts held-out answer changes, and whether to trust it."""

from dataclasses import dataclass

import numpy as np
import scipy  # type: ignore[import-untyped]

from smile_trace.attribution.estimation import gaussian_process
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, LEVEL, Rows
from smile_trace.attribution.estimation.solver import Array, Solver

REPEATS = 8
"""Repetitions of the cross-validation with up to REPEATED_ROWS rows; more rows need fewer."""

REPEATED_ROWS = 60
FOLDS = 5
MINIMAL_R2 = 0.2
MINIMAL_GAIN = 0.1
"""`reliable` := R² > MINIMAL_R2 and 1 − SSE/SSE_count > MINIMAL_GAIN."""


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated quality of the surrogate.

    `r2` is 1 − SSE/SSE of the training folds' mean (at most 1, may be negative), `low` and `high`
    its jackknife interval over the rows. `gain` is 1 − SSE/SSE of a curve in the removed share:
    what the surrogate knows beyond "how much was removed".
    """

    r2: float
    low: float
    high: float
    gain: float

    @classmethod
    def of(cls, errors: Array, of_mean: Array, of_share: Array) -> "HeldOut":
        """From each row's squared error, that of the mean and that of the curve in the share."""
        rows, r2 = len(errors), 1 - float(errors.sum() / of_mean.sum())
        ratios = (errors.sum() - errors) / np.maximum(of_mean.sum() - of_mean, 1e-300)
        spread = np.sqrt((rows - 1) / rows * ((ratios - ratios.mean()) ** 2).sum())
        half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, rows - 1) * spread)
        gain = 1 - float(errors.sum() / max(of_share.sum(), 1e-300))
        return cls(r2, r2 - half, min(r2 + half, 1.0), gain)

    @property
    def share_r2(self) -> float:
        """The R² of the curve in the removed share."""
        return 1 - (1 - self.r2) / (1 - self.gain) if self.gain < 1 else 0.0

    @property
    def reliable(self) -> bool:
        """Whether both thresholds are passed."""
        return self.r2 > MINIMAL_R2 and self.gain > MINIMAL_GAIN


def held_out(rows: Rows, seed: list[int], solver: Solver = DEFAULT_SOLVER) -> HeldOut | None:
    """Repeats 5-fold cross-validation with the whole fit, hyperparameters included, in each fold.

    Rows that were not drawn are part of every fit, but are never held out, nor part of the mean,
    which they would bias. None with fewer rows than folds, or if the answer change does not vary.
    """
    if len(rows.y) < FOLDS or float(np.ptp(rows.y)) == 0.0:
        return None
    generator = np.random.default_rng(seed)
    share = rows.x.mean(axis=1, keepdims=True)
    model, mean, count = (np.zeros(len(rows.y)) for _ in range(3))
    for _ in range(max(1, REPEATS * min(REPEATED_ROWS, len(rows.y)) // len(rows.y))):
        folds = generator.permutation(np.arange(len(rows.y)) % FOLDS)
        for fold in range(FOLDS):
            train, test = folds != fold, folds == fold
            x, y, weights = rows.training(train)
            held = rows.y[test]
            guess = solver.fit(x, y, weights).predict(rows.x[test])
            model[test] += (held - guess) ** 2
            mean[test] += (held - rows.y[train].mean()) ** 2
            by_share = gaussian_process.fit(x.mean(axis=1, keepdims=True), y)
            count[test] += (held - by_share.predict(share[test])) ** 2
    return HeldOut.of(model, mean, count)


def distinct(rows: Rows) -> Rows:
    """Keep each mask once: a fit that has seen a mask cannot hold it out."""
    masks = np.vstack([rows.x, rows.others_x])
    first = np.unique(masks, axis=0, return_index=True)[1]
    drawn = np.sort(first[first < len(rows.y)])
    others = np.sort(first[first >= len(rows.y)]) - len(rows.y)
    return Rows(
        x=rows.x[drawn],
        y=rows.y[drawn],
        q=rows.q[drawn],
        varies=rows.varies[drawn],
        weights=rows.weights[drawn],
        others_x=rows.others_x[others],
        others_y=rows.others_y[others],
    )
