"""What the random rows of one partition tell by themselves, each part of it computed once.

A study asks about the same rows again and again: rows that are in no estimate (a reduced prompt, a
pair confirmed) come in between, and change nothing here.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smile_trace.attribution.answer_change.response_scores import NEGLIGIBLE
from smile_trace.attribution.estimation import fidelity, inference, interactions
from smile_trace.attribution.estimation.few_segments import enough
from smile_trace.attribution.estimation.fidelity import HeldOut
from smile_trace.attribution.estimation.first_place import posterior
from smile_trace.attribution.estimation.inference import DEFAULT_SOLVER, FOLDS, Estimate, Rows
from smile_trace.attribution.estimation.interactions import Pair
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.attribution.one_thread import one_thread


@dataclass(frozen=True)
class Fit:
    """The fits of a solver to rows, and what follows from them. `deterministic`: whether the model
    repeats itself."""

    rows: Rows
    seed: list[int]
    solver: Solver = DEFAULT_SOLVER
    deterministic: bool = False
    _believed: dict[bytes, tuple[Array, Array]] = field(default_factory=dict)

    @cached_property
    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([*self.seed, 2])  # not the numbers that drew the masks

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        return inference.intervals(self.rows, self._generator, self.solver)

    @property
    def intervals(self) -> tuple[Array, Array]:
        """Both ends of each segment's interval, in [−1, 1], at a lower cost than the estimate."""
        low, high = self._ends
        return np.clip(low, -1, 1), np.clip(high, -1, 1)

    @cached_property
    def estimate(self) -> Estimate:
        """Estimate, interval and p-value of every segment; nothing is known from fewer rows than
        folds.

        Interval: augmented inverse-propensity weighting (Robins, Rotnitzky & Zhao 1994), per row
        ψ_j = m̂(x_j; x_i=1) − m̂(x_j; x_i=0) + (x_ij − q_j) (y_j − m̂(x_j)) / (q_j (1 − q_j)), with
        m̂ from the folds that do not hold j. Its mean is unbiased whatever m̂ is, because q_j is
        known. The strata weigh the same.

        Estimate: the estimand of m̂ fitted to all rows, which has the smaller variance, kept near
        the centre of the interval (`limited_translation`).
        """
        rows = self.rows
        if len(rows.y) < FOLDS:
            n = rows.x.shape[1]
            return Estimate(np.zeros(n), np.zeros(n), np.full(n, -1.0), np.ones(n), np.ones(n))
        low, high = self._ends  # the masks are drawn again with the numbers after the folds'
        whole = self.solver.fit(*rows.training(np.full(len(rows.y), True)))
        own = whole.effects(inference.REMOVAL_PROBABILITIES)
        effect = inference.limited_translation(own, low, high)
        p_value = inference.beside(effect, inference.randomisation_test(rows, self._generator))
        p_value = np.where(inference.seen_often(rows), p_value, 1.0)
        return Estimate(effect, own, *self.intervals, p_value)

    @cached_property
    def beside_a_rule(self) -> Estimate:
        """The estimate of a model that repeats itself. Where few segments reproduce every row (the
        answer change and each field), what the test finds of another one is a chance of the masks:
        its p-value is raised to 1, which keeps the test's level."""
        x, y, _ = self.rows.training(np.full(len(self.rows.y), True))
        needed: NDArray[np.bool_] = enough(x, y, NEGLIGIBLE)
        for of_field in () if self.rows.fields is None else self.rows.fields.T:
            needed |= enough(self.rows.x, of_field, NEGLIGIBLE)
        assert self.estimate.p_value is not None
        return replace(self.estimate, p_value=np.where(needed, self.estimate.p_value, 1.0))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """See `interactions.pairs`."""
        return interactions.pairs(self.rows, self.estimate.effect, self.seed, self.solver)

    @cached_property
    def _masks(self) -> Rows:
        """The rows, of a model that repeats itself each mask once."""
        return fidelity.distinct(self.rows) if self.deterministic else self.rows

    @cached_property
    def held_out(self) -> HeldOut | None:
        """See `fidelity.held_out`: most of the fits, for a question that is seldom asked."""
        with one_thread():
            return fidelity.held_out(self._masks, [*self.seed, 1], self.solver)

    def believed(self, near: Array) -> tuple[Array, Array]:
        """The effects given `near`, and each segment's probability of the largest (`Posterior`)."""
        key = near.tobytes()
        if key not in self._believed:
            found = posterior(self._masks, near)
            self._believed[key] = found.mean, found.first(self.seed)
        return self._believed[key]


class Fits:
    """The last fit of each partition."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, ...], Fit] = {}

    def of(self, rows: Rows, seed: list[int], solver: Solver, *, deterministic: bool) -> Fit:
        """The fit to these rows of the partition whose draws have this seed."""
        if getattr(solver, "ignores_weights", False):
            rows = replace(rows, weights=np.ones(len(rows.y)))
        last = self._last.get(tuple(seed))
        if last is None or not last.rows.same_as(rows):
            last = self._last[tuple(seed)] = Fit(rows, seed, solver, deterministic)
        return last
