"""What words that divide an answer's probability do, from a few dozen masks."""

from itertools import product

import numpy as np
import pytest

from smile_trace.attribution.estimation import inference
from smile_trace.attribution.estimation.gaussian_process import GaussianProcessSolver
from smile_trace.attribution.estimation.solver import Array, Solver
from smile_trace.attribution.estimation.warped_process import WarpedProcessSolver

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


def test_predictions_are_answer_changes() -> None:
    nats = np.array([9.0, 9.0, 9.0, 0, 0, 0, 0, 0, 0])
    x = drawn(0)
    predicted = WarpedProcessSolver().fit(x, change(x, nats)).predict(EVERY)
    assert predicted.min() >= 0
    assert predicted.max() <= 1
    assert predicted[0] == pytest.approx(0, abs=0.02)
    assert predicted[-1] == pytest.approx(1, abs=0.02)
