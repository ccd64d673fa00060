"""Solvers by scikit-learn: SMILE's weighted linear surrogate, and any regressor of your own.

SMILE (Aslansefat et al. 2024) and gSMILE (arXiv 2505.21657, eq. 6): θ = argmin Σ w_j (θ·x_j + θ₀ −
y_j)² + λ‖θ‖², with the locality weight w_j = exp(−δ_j²/σ²) of the distance δ_j between the
perturbed and the original prompt. Here x_j = 1 where a segment was removed. λ is chosen by
leave-one-out cross-validation (`RidgeCV`).

scikit-learn is imported only when such a solver is made or fitted: the default needs none of it.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from smile_trace.attribution.estimation.solver import Array, Solver, Surrogate
from smile_trace.attribution.word_vectors import Vectors, unit
from smile_trace.errors import ReasonCode, SmileTraceError, needing_extra


def locality(removed: Array, vectors: Vectors, sizes: Array) -> Array:
    """Weight in (0, 1] per mask, shape (rows,); `removed` is 1 where a segment was removed.

    The distance δ is the relaxed word mover's distance from the original prompt to what is left of
    it: a removed segment, weighted by its size (such as words), travels to the nearest retained one
    (cosine distance, in [0, 1]). σ is the median distance, so half of the masks weigh at least e⁻¹.
    """
    directions = unit(vectors)
    cost = np.clip(1 - directions @ directions.T, 0, 1)
    np.fill_diagonal(cost, 0.0)
    distance = np.empty(len(removed))
    for row, out in enumerate(removed > 0):
        nearest = cost[out][:, ~out].min(axis=1) if not out.all() else np.ones(int(out.sum()))
        distance[row] = float(nearest @ sizes[out]) / float(sizes.sum())
    width = float(np.median(distance[distance > 0])) if np.any(distance > 0) else 1.0
    return np.exp(-((distance / width) ** 2))


PROCESS, SMILE = "process", "smile"
"""Names of the default solver, a Gaussian process, and of SMILE's."""

_STRENGTHS = np.logspace(-4, 4, 25)
"""Candidates for λ, relative to weights with mean 1."""

_FEWEST = 3
"""Rows below which only their mean is fitted."""


class SolverFailed(SmileTraceError):
    """A regressor could not be fitted to the answer changes; the message says why."""

    code = ReasonCode.CANNOT_EXPLAIN


class Regressor(Protocol):
    """A regressor of scikit-learn, pipelines included: it has `fit(X, y)`, maybe with
    `sample_weight`, `predict(X)` and `get_params()`, by which it is cloned for every fit."""

    def fit(self, X: Array, y: Array) -> Any:
        """Fits masks, shape (rows, segments), to answer changes, shape (rows,)."""
        ...

    def predict(self, X: Array) -> Array:
        """The predicted answer changes, shape (rows,)."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters from which an equal regressor is made."""
        ...


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


@dataclass(frozen=True)
class FittedRegressor(Surrogate):
    """A fitted regressor, whose effects are means over masks."""

    regressor: Regressor
    count: int

    def predict(self, x: Array) -> Array:
        """Predicted changes, shape (rows,)."""
        return np.asarray(self.regressor.predict(x), dtype=np.float64).reshape(len(x))

    @property
    def segments(self) -> int:
        """The number of segments."""
        return self.count


class RegressorSolver:
    """Fits a clone of a regressor of scikit-learn with the locality weights.

    Fewer than three rows, or a constant answer change, are fitted by their (weighted) mean. The
    weights are dropped if the regressor's `fit` takes no `sample_weight`. `regressor`: any
    regressor; None for SMILE's, `RidgeCV`. Raises TypeError if it is no regressor.
    """

    def __init__(self, regressor: Regressor | None = None) -> None:
        if regressor is None:
            with needing_extra("smile", "SMILE's surrogate"):
                from sklearn.linear_model import RidgeCV  # type: ignore[import-untyped]
            self.name = SMILE
            self._regressor: Regressor = RidgeCV(_STRENGTHS)
            return
        needed = ("fit", "predict", "get_params")
        if isinstance(regressor, type) or not all(hasattr(regressor, name) for name in needed):
            raise TypeError(f"{regressor!r} is no regressor of scikit-learn: give an object of one")
        self.name = name_of_solver(regressor)
        self._regressor = regressor

    def fit(self, design: Array, y: Array, weights: Array | None = None) -> Surrogate:
        """See `Solver.fit`. Raises SolverFailed if the regressor cannot be fitted to these rows."""
        from sklearn.base import clone  # type: ignore[import-untyped]
        from sklearn.utils.validation import has_fit_parameter  # type: ignore[import-untyped]

        if len(y) < _FEWEST or float(np.ptp(y)) == 0.0:
            return Linear(float(np.average(y, weights=weights)), np.zeros(design.shape[1]))
        fitted = clone(self._regressor)
        weighted = weights is not None and has_fit_parameter(fitted, "sample_weight")
        given = (
            {"sample_weight": weights / weights.mean()} if weighted and weights is not None else {}
        )
        try:
            fitted.fit(design, y, **given)
        except ValueError as error:
            raise SolverFailed(
                f"the solver {self.name} cannot be fitted to {len(y)} answers: {error}"
            ) from error
        surrogate = FittedRegressor(fitted, design.shape[1])
        return _line(fitted, surrogate, design) or surrogate


AnySolver = str | Regressor | Solver
"""A solver by name (`process`, `smile`), a regressor of scikit-learn, or a solver of your own."""


def solver_of(given: AnySolver) -> Solver | None:
    """The solver; None for the default, which depends on the signal. Raises ValueError if there is
    no solver of that name; TypeError if it is neither a solver nor a regressor."""
    if not isinstance(given, str):
        # A regressor predicts by itself, a solver gives a surrogate that does.
        own = (
            not isinstance(given, type) and hasattr(given, "fit") and not hasattr(given, "predict")
        )
        return cast(Solver, given) if own else RegressorSolver(cast(Regressor, given))
    if given not in (PROCESS, SMILE):
        raise ValueError(
            f"There is no solver {given!r}: take {PROCESS} or {SMILE}, or (in Python) a regressor "
            "of scikit-learn."
        )
    return RegressorSolver() if given == SMILE else None


def name_of_solver(given: AnySolver) -> str:
    """The solver's name in a record, or the expression that makes it."""
    return given if isinstance(given, str) else " ".join(repr(given).split())


def _line(fitted: Any, surrogate: Surrogate, design: Array) -> Linear | None:
    """The line of a linear model; None if the predictions are not its coefficients' line."""
    coefficients = np.ravel(getattr(fitted, "coef_", ()))
    intercept = np.ravel(getattr(fitted, "intercept_", 0.0))
    if coefficients.shape != (design.shape[1],) or len(intercept) != 1:
        return None
    line = Linear(float(intercept[0]), coefficients)
    return line if np.allclose(line.predict(design), surrogate.predict(design)) else None
