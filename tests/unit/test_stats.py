"""The statistics that several packages share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]

from smile_trace._stats.false_discoveries import adjusted, discovered
from smile_trace._stats.intervals import Estimated, newcombe, wilson
from smile_trace._stats.permutation import Array, randomisation, two_samples


@given(st.integers(1, 200), st.data())
def test_the_interval_of_a_rate_is_wilsons(trials: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, trials))
    known = binomtest(k, trials).proportion_ci(0.9, method="wilson")
    assert wilson(k, trials, 0.9) == pytest.approx((known.low, known.high), abs=1e-9)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_trials_may_count_in_part(rates: list[float]) -> None:
    low, high = wilson(sum(rates), len(rates), 0.9)
    assert 0 <= low <= high <= 1
    if rates:
        assert low - 1e-9 <= sum(rates) / len(rates) <= high + 1e-9


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe (1998), table II, method 10, the examples without a rate of 0 or 1.
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)],
)
def test_the_interval_of_a_difference_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    both = (Estimated(k / n, *wilson(k, n, 0.95)) for k, n in (one, other))
    found = newcombe(*both)
    assert found == pytest.approx((one[0] / one[1] - other[0] / other[1], low, high), abs=5e-5)


def test_the_difference_of_two_rates_of_zero_is_as_wide_as_they_are() -> None:
    one, other = Estimated(0.0, 0.0, 0.2), Estimated(0.0, 0.0, 0.1)
    assert newcombe(one, other) == (0.0, -0.1, 0.2)


def test_false_discoveries() -> None:
    p_values = [0.01, 0.04, 0.09, 0.5]
    assert discovered(p_values, 0.1).tolist() == [True, True, False, False]
    assert adjusted(p_values).tolist() == pytest.approx([0.04, 0.08, 0.12, 0.5])
    assert adjusted([]).shape == discovered([], 0.1).shape == (0,)


@pytest.mark.parametrize(
    ("p_values", "weights", "significant"),
    [
        ([0.04, 0.9, 0.9, 0.9], [1, 1, 1, 1], [False] * 4),
        ([0.04, 0.9, 0.9, 0.9], [2.5, 0.5, 0.5, 0.5], [True, False, False, False]),
        ([0.02, 0.9, 0.9, 0.9], [0.7, 1.9, 0.7, 0.7], [False] * 4),
        # However much it counts, no part is found at a p-value above the rate.
        ([0.11, 0.001, 0.9, 0.9], [3.1, 0.3, 0.3, 0.3], [False, True, False, False]),
    ],
)
def test_weighted_tests(p_values: list[float], weights: list[float], significant: list[bool]):
    found = discovered(p_values, 0.1, np.array(weights))
    assert found.tolist() == significant


@pytest.mark.parametrize("outcomes", [1, 4])
def test_randomisation_holds_its_level_and_finds_an_effect(outcomes: int) -> None:
    """Where column 0 moves what is left of the last outcome and nothing else, also with unequal
    chances."""
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(40):
        q = np.where(np.arange(30) % 2, 0.2, 0.5)
        x = (generator.random((30, 5)) < q[:, None]).astype(float)
        left = (x[:, 0] - q) + 0.2 * generator.standard_normal(30)
        residuals = np.repeat(left[:, None], 5, axis=1)
        if outcomes > 1:
            others = 3 * generator.standard_normal((outcomes - 1, 30, 1)).repeat(5, axis=2)
            residuals = np.concatenate([others, residuals[None]])
        p_values.append(randomisation(x, q, residuals, generator))
    found = np.array(p_values)
    assert (found[:, 0] <= 0.05).mean() > 0.95
    assert (found[:, 1:] <= 0.1).mean() < 0.16, "160 tests at a level of .1: three standard errors"
    assert found.min() >= 1 / 1000


def distances(one: list[float], other: list[float]) -> Array:
    items = np.array([*one, *other], float)
    return np.abs(items[:, None] - items)


@pytest.mark.parametrize(
    ("one", "other", "p_value"),
    [
        ([0] * 5, [1] * 5, 2 / 252),
        ([0] * 2, [1] * 3, 1 / 10),
        ([0], [1] * 3, 1 / 4),
        ([0] * 4, [0] * 4, 1.0),
        ([0] * 20, [1] * 20, 1 / 2000),
    ],
)
def test_two_samples_are_apart_as_often_as_by_luck(
    one: list[float], other: list[float], p_value: float
) -> None:
    assert two_samples(distances(one, other), len(one)) == pytest.approx(p_value)


def test_alike_samples_are_rarely_said_to_be_apart() -> None:
    generator = np.random.default_rng(1)
    drawn = (generator.random((400, 2, 5)) < 0.5).astype(float)
    p_values = [two_samples(distances(list(one), list(other)), 5) for one, other in drawn]
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) <= 0.05
