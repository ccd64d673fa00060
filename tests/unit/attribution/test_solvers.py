"""Solvers: what they fit and predict, their contract, and that the suite notices a breach."""

import subprocess
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad  # type: ignore[import-untyped]
from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]
from sklearn.linear_model import (  # type: ignore[import-untyped]
    BayesianRidge,
    PoissonRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.neighbors import KNeighborsRegressor  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import PolynomialFeatures  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeRegressor  # type: ignore[import-untyped]

from benchmarks.statistics.worlds import planted
from smile_trace.attribution import Solver, Surrogate
from smile_trace.attribution.estimation import (
    gaussian_process,
    inference,
)
from smile_trace.attribution.estimation.gaussian_process import (
    GaussianProcessSolver,
    WarpedProcessSolver,
)
from smile_trace.attribution.estimation.regressor_solver import (
    Linear,
    RegressorSolver,
    SolverFailed,
    locality,
    solver_of,
)
from smile_trace.attribution.estimation.solver import Array
from smile_trace_contracts.attribution import check_solver
from tests.support.paths import ROOT

SEGMENTS, ROWS = 9, 31


EVERY = np.array(list(product((0.0, 1.0), repeat=SEGMENTS)))


def change(x: Array, nats: Array) -> Array:
    """1 − p / p₀ where each segment removed takes so many nats."""
    return 1 - np.exp(-x @ nats)


def drawn(seed: int) -> Array:
    """Masks of both strata, and the unperturbed prompt."""
    generator = np.random.default_rng(seed)
    q = np.resize(inference.REMOVAL_PROBABILITIES, ROWS)
    return np.vstack([np.zeros(SEGMENTS), generator.random((ROWS, SEGMENTS)) < q[:, None]])


def effects(solver: Solver, seed: int, nats: Array) -> Array:
    x = drawn(seed)
    return solver.fit(x, change(x, nats)).effects(inference.REMOVAL_PROBABILITIES)


def test_factors_are_told_apart_where_next_to_nothing_is_left() -> None:
    nats = np.array([4.0, 0.1, 2.5, 0.0, 2.0, 0.1, 0.3, 1.5, 0.1])
    truth = inference.enumerated(EVERY, change(EVERY, nats))
    seeds = range(12)
    errors = {
        solver: np.mean([(effects(solver(), seed, nats) - truth) ** 2 for seed in seeds])
        for solver in (GaussianProcessSolver, WarpedProcessSolver)
    }
    assert errors[WarpedProcessSolver] < errors[GaussianProcessSolver] / 2
    first = [int(effects(WarpedProcessSolver(), seed, nats).argmax()) for seed in seeds]
    assert first.count(0) >= 11


def test_the_effects_of_more_masks_than_are_listed_are_those_of_drawn_ones() -> None:
    x = (np.random.default_rng(0).random((80, 14)) < 0.4).astype(float)
    nats = np.array([3.0] + [0.0] * 13)
    found = WarpedProcessSolver().fit(x, change(x, nats)).effects(inference.REMOVAL_PROBABILITIES)
    assert found[0] == pytest.approx(1 - np.exp(-3), abs=0.05)
    assert np.abs(found[1:]).max() < 0.05


def test_predictions_of_the_warped_process_are_answer_changes() -> None:
    nats = np.array([9.0, 9.0, 9.0, 0, 0, 0, 0, 0, 0])
    x = drawn(0)
    predicted = WarpedProcessSolver().fit(x, change(x, nats)).predict(EVERY)
    assert predicted.min() >= 0
    assert predicted.max() <= 1
    assert predicted[0] == pytest.approx(0, abs=0.02)
    assert predicted[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("solver", "tolerance"),
    [
        (GaussianProcessSolver(), 0.1),
        (WarpedProcessSolver(), 0.1),
        (RegressorSolver(), 0.1),
        (RegressorSolver(BayesianRidge()), 0.1),
        (RegressorSolver(make_pipeline(PolynomialFeatures(2), Ridge(0.1))), 0.1),
        (RegressorSolver(KNeighborsRegressor(2)), 0.3),  # its fit takes no weights
        (RegressorSolver(RandomForestRegressor(30, random_state=0)), 0.3),
    ],
)
def test_the_packaged_solvers(solver: Solver, tolerance: float) -> None:
    check_solver(solver, tolerance=tolerance)


def _line(x: Array, y: Array) -> Linear:
    fitted = RegressorSolver().fit(x, y)
    assert isinstance(fitted, Linear)
    return fitted


def test_a_regressor_is_cloned_named_and_given_the_weights() -> None:
    x = np.array([[0.0], [0.0], [1.0], [1.0]])
    y, weights = np.array([0.0, 0.2, 0.0, 1.0]), np.array([1.0, 1.0, 0.5, 1.5])
    given = DecisionTreeRegressor(max_depth=1, random_state=0)
    solver = RegressorSolver(given)
    fitted = solver.fit(x, y, weights)
    assert fitted.predict(np.array([[0.0], [1.0]])) == pytest.approx([0.1, 0.75])
    assert fitted.effects((0.5, 0.2)) == pytest.approx([0.65])
    assert not hasattr(given, "tree_")
    assert solver.name == "DecisionTreeRegressor(max_depth=1, random_state=0)"


def test_a_model_with_coefficients_that_is_no_line_is_taken_as_it_predicts() -> None:
    x = (np.random.default_rng(3).random((40, 3)) < 0.5).astype(float)
    fitted = RegressorSolver(PoissonRegressor(alpha=0)).fit(x, np.exp(x @ [0.5, 0.0, -1.0] - 1))
    assert not isinstance(fitted, Linear)
    assert fitted.predict(np.zeros((1, 3))) == pytest.approx([np.exp(-1)], abs=0.01)


@pytest.mark.parametrize("wrong", ["ridge", RidgeCV, object()])
def test_what_is_no_regressor(wrong: Any) -> None:
    with pytest.raises(TypeError, match="no regressor of scikit-learn"):
        RegressorSolver(wrong)


def test_a_regressor_that_cannot_be_fitted_says_so() -> None:
    with pytest.raises(SolverFailed, match=r"KNeighbors.* cannot be fitted to 4 answers"):
        RegressorSolver(KNeighborsRegressor(-1)).fit(np.eye(4), np.arange(4.0))


def test_solvers_by_name_and_by_what_they_are() -> None:
    assert solver_of("process") is None
    assert isinstance(solver_of("smile"), RegressorSolver)
    assert isinstance(solver_of(RidgeCV()), RegressorSolver)
    own = GaussianProcessSolver()
    assert solver_of(own) is own
    with pytest.raises(TypeError, match="no regressor"):
        solver_of(GaussianProcessSolver)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no solver 'lasso': take process or smile"):
        solver_of("lasso")


def test_the_default_solver_loads_no_scikit_learn() -> None:
    program = (
        "import sys\n"
        "from tests.support.studies import copying, run\n"
        "found = run('My dog ate all of the homework again', copying('dog'), answer='dog')\n"
        "assert found.explanation.ranked[0].text == 'dog'\n"
        "assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


class _Blind(Linear):
    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


class _Misstated(Linear):
    def contrasts(self, x: np.ndarray) -> np.ndarray:
        return np.ones(x.shape)


def _fitting(fit: Callable[..., Surrogate]) -> Any:
    return type("Fitting", (), {"fit": lambda self, x, y, weights=None: fit(x, y)})()


@pytest.mark.parametrize(
    ("solver", "broken"),
    [
        (_fitting(lambda x, y: Linear(0.0, np.zeros(6))), "it finds"),
        (_fitting(lambda x, y: Linear(0.0, np.zeros(5))), "5 segments, not 6"),
        (_fitting(lambda x, y: np.zeros(6)), "gives a ndarray, no Surrogate"),  # type: ignore[arg-type,return-value]
        (_fitting(lambda x, y: _Blind(0.0, _line(x, y).coefficients)), "predict"),
        (_fitting(lambda x, y: _Misstated(0.0, _line(x, y).coefficients)), "contrasts"),
    ],
)
def test_a_solver_that_breaks_its_contract(solver: Solver, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_solver(solver)


def test_leave_one_out_residuals_are_those_of_fits_without_the_row() -> None:
    """With the parameters of all rows; the constant's prior is wide, so that it is nearly free."""
    generator = np.random.default_rng(6)
    x = (generator.random((12, 4)) < 0.5).astype(float)
    y = 0.6 * x[:, 1] + 0.1 * generator.standard_normal(12)
    found = gaussian_process.leave_one_out_residuals(x, y)
    spread, mean = y.var(), y.mean()
    signal = spread * np.exp(-0.5 * np.abs(x[:, None] - x).sum(axis=2)) + 10 * spread
    for j in range(12):
        others = np.arange(12) != j
        covariance = signal[np.ix_(others, others)] + spread * np.eye(11)
        predicted = mean + signal[j, others] @ np.linalg.solve(covariance, y[others] - mean)
        assert found[j] == pytest.approx(y[j] - predicted)
    assert gaussian_process.leave_one_out_residuals(np.zeros((5, 0)), np.arange(5.0)).any()
    assert not gaussian_process.leave_one_out_residuals(np.eye(5), np.ones(5)).any()


def test_ridge_finds_a_linear_truth_and_no_effect_in_noise() -> None:
    generator = np.random.default_rng(5)
    x = (generator.random((40, 6)) < 0.4).astype(float)
    exact = _line(x, 0.2 + x @ [0.5, 0, 0, -0.1, 0, 0])
    assert exact.coefficients == pytest.approx([0.5, 0, 0, -0.1, 0, 0], abs=0.01)
    assert exact.predict(x) == pytest.approx(0.2 + x @ [0.5, 0, 0, -0.1, 0, 0], abs=0.01)
    noise = _line(x, generator.standard_normal(40))
    assert np.abs(noise.coefficients).max() < 0.4


def test_locality_falls_with_what_is_removed_and_ignores_responses() -> None:
    vectors = np.eye(4)
    removed = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], dtype=float)
    weights = locality(removed, vectors, np.ones(4))
    assert weights[0] == 1.0
    assert list(weights) == sorted(weights, reverse=True)
    assert np.all(weights > 0)
    alike = locality(removed, np.ones((4, 3)), np.ones(4))
    assert alike[2] == 1.0  # the retained words say the same


@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_a_gaussian_process_knows_interactions(fraction: float) -> None:
    generator = np.random.default_rng(6)
    x = np.array(list(product((0.0, 1.0), repeat=6)))[:-1]
    y = 0.9 * x[:, 0] * x[:, 3]
    seen = generator.random(len(x)) < fraction
    fitted = gaussian_process.fit(x[seen], y[seen])
    assert fitted.predict(x) == pytest.approx(y, abs=0.15)
    truth = inference.enumerated(x, y)
    assert fitted.effects(inference.REMOVAL_PROBABILITIES) == pytest.approx(truth, abs=0.08)


def test_contrasts_are_differences_of_predictions() -> None:
    world = planted(7, np.random.default_rng(7))[1]
    rows = world.draw(40, np.random.default_rng(7), noise=0.1)
    fitted = gaussian_process.fit(rows.x, rows.y)
    contrasts = fitted.contrasts(rows.x[:5])
    for i in range(7):
        removed, retained = rows.x[:5].copy(), rows.x[:5].copy()
        removed[:, i], retained[:, i] = 1, 0
        assert contrasts[:, i] == pytest.approx(fitted.predict(removed) - fitted.predict(retained))


def test_the_gradient_of_the_likelihood() -> None:

    generator = np.random.default_rng(8)
    x = (generator.random((20, 4)) < 0.4).astype(float)
    x = np.unique(x, axis=0)
    y = generator.standard_normal(len(x))
    likelihood = gaussian_process._Likelihood(x, y - y.mean(), np.ones(len(x)), float(y.var()))
    at = generator.standard_normal(6) - 1
    error = check_grad(lambda p: likelihood(p)[0], lambda p: likelihood(p)[1], at)
    assert error < 1e-4


def test_second_differences_are_predictions() -> None:
    generator = np.random.default_rng(0)
    x = (generator.random((30, 6)) < 0.5).astype(float)
    fit = gaussian_process.fit(x, x[:, 0] * x[:, 1] + 0.1 * x[:, 2])
    second_differences = fit.second_differences(x, (1, 0))
    for first, second in product((0, 1), repeat=2):
        at = x.copy()
        at[:, [1, 0]] = first, second
        level = fit.mean + fit.constant * fit.coefficients.sum()
        assert second_differences[:, first, second] + level == pytest.approx(fit.predict(at))
