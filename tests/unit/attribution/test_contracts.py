"""Distances and solvers pass their contract suites, and the suites notice those that do not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_trace.attribution import Distance, Solver, Surrogate, distance_named, distance_names
from smile_trace.attribution.estimation.distances import _REGISTRY, register_distance, word_movers
from smile_trace.attribution.estimation.gaussian_process import GaussianProcessSolver
from smile_trace.attribution.estimation.ridge import Ridge, RidgeSolver
from smile_trace.attribution.estimation.warped_process import WarpedProcessSolver
from smile_trace.testing import check_distance, check_solver

PAGES = Path(__file__).parents[3] / "docs" / "contributing"


@pytest.mark.parametrize("name", distance_names())
def test_every_named_distance(name: str) -> None:
    distance = distance_named(name)
    assert distance is not None
    check_distance(distance)


@pytest.mark.parametrize(
    ("distance", "broken"),
    [
        (lambda x, y: float(len(x) > len(y)), "not symmetric"),
        (lambda x, y: 2.0, r"not in \[0, 1\]"),
        (lambda x, y: float("nan"), "not finite"),
        (lambda x, y: None, "no number"),
        (lambda x, y: word_movers(x, y) / 2, "two orthogonal words are 0.25 apart"),
        (lambda x, y: 0.5, "a distance from itself"),
        (lambda x, y: 0.0, "no nearer"),
        (lambda x, y: float(np.abs(x[0] - y[0]).mean() / 2), "order"),
    ],
)
def test_a_distance_that_breaks_its_contract(distance: Distance, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_distance(distance)


def test_unknown_and_taken_names_are_errors() -> None:
    assert distance_named("layers") is None
    with pytest.raises(
        ValueError, match="There is no distance 'euclid': take layers, words, anderson_darling"
    ):
        distance_named("euclid")
    with pytest.raises(ValueError, match="already"):
        register_distance("wasserstein", lambda x, y: 0.0)


@pytest.mark.parametrize("solver", [GaussianProcessSolver(), WarpedProcessSolver(), RidgeSolver()])
def test_the_packaged_solvers(solver: Solver) -> None:
    check_solver(solver)


class _Blind(Ridge):
    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


class _Misstated(Ridge):
    def contrasts(self, x: np.ndarray) -> np.ndarray:
        return np.ones(x.shape)


def _fitting(fit: Callable[..., Surrogate]) -> Any:
    return type("Fitting", (), {"fit": lambda self, x, y, weights=None: fit(x, y)})()


@pytest.mark.parametrize(
    ("solver", "broken"),
    [
        (_fitting(lambda x, y: Ridge(0.0, np.zeros(6))), "it finds"),
        (_fitting(lambda x, y: Ridge(0.0, np.zeros(5))), "5 segments, not 6"),
        (_fitting(lambda x, y: np.zeros(6)), "gives a ndarray, no Surrogate"),  # type: ignore[arg-type,return-value]
        (_fitting(lambda x, y: _Blind(0.0, RidgeSolver().fit(x, y).coefficients)), "predict"),
        (_fitting(lambda x, y: _Misstated(0.0, RidgeSolver().fit(x, y).coefficients)), "contrasts"),
    ],
)
def test_a_solver_that_breaks_its_contract(solver: Solver, broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_solver(solver)


@pytest.mark.parametrize("page", ["distance.md", "solver.md"])
def test_the_code_of_the_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(_REGISTRY)
    blocks = re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.S)
    try:
        exec("\n".join(blocks), {"__name__": "page"})
    finally:
        _REGISTRY.clear()
        _REGISTRY.update(known)
