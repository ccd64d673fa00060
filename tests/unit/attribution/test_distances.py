"""SMILE's distances against libraries and closed forms, and the contract of any distance."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]

from smile_trace.attribution import Distance, distance_named, distance_names
from smile_trace.attribution.answer_change import distances
from smile_trace.attribution.answer_change.distances import (
    _REGISTRY,
    register_distance,
    word_movers,
)
from smile_trace.errors import SmileTraceError
from smile_trace_contracts.attribution import check_distance

pytestmark = pytest.mark.thorough

ON_A_LINE = [
    distances.wasserstein_1d,
    distances.kolmogorov_smirnov,
    distances.kuiper,
    distances.cramer_von_mises,
    distances.anderson_darling,
    distances.dts,
    distances.energy,
    distances.mmd,
]


BETWEEN_VECTORS = [
    distances.wasserstein,
    distances.sliced_wasserstein,
    distances.word_movers,
    distances.cosine,
    distances.energy,
    distances.mmd,
]


SAMPLES = st.lists(st.integers(-20, 20), min_size=1, max_size=12)


@pytest.mark.parametrize("distance", ON_A_LINE)
@settings(max_examples=25)
@given(x=SAMPLES, y=SAMPLES)
def test_on_a_line(distance: distances.Distance, x: list[int], y: list[int]) -> None:
    one, other = np.array(x, dtype=float), np.array(y, dtype=float)
    assert distance(one, one) == pytest.approx(0, abs=1e-7)
    assert distance(one, other) >= 0
    assert distance(one, other) == pytest.approx(distance(other, one), abs=1e-7)
    assert (distance(one, other) < 1e-7) == (set(x) == set(y) and _same(x, y))


def _same(x: list[int], y: list[int]) -> bool:
    """Whether the two have one distribution."""
    points = sorted({*x, *y})
    return all(x.count(p) * len(y) == y.count(p) * len(x) for p in points)


@pytest.mark.parametrize("distance", BETWEEN_VECTORS)
def test_between_vectors(distance: distances.Distance) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((9, 5)), generator.standard_normal((6, 5)) + 1
    assert distance(x, x[::-1]) == pytest.approx(0, abs=1e-6)
    assert distance(x, y) == pytest.approx(distance(y, x), rel=1e-6)
    assert distance(x, y) > 0.05


def test_the_last_interval_counts() -> None:
    """An ECDF loop that drops it gives W({0}, {10}) = 0."""
    zero, ten = np.array([0.0]), np.array([10.0])
    assert distances.wasserstein_1d(zero, ten) == 10
    assert distances.dts(zero, ten) == pytest.approx(10 / 0.5)
    assert distances.kuiper(zero, ten) == 1
    assert distances.kolmogorov_smirnov(zero, ten) == 1


def test_sets_of_vectors_are_not_blind_to_permuted_coordinates() -> None:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((1, 50))
    y = generator.permuted(x, axis=1)
    assert distances.wasserstein(x, y) == pytest.approx(np.linalg.norm(x - y))
    assert distances.word_movers(x, y) == pytest.approx(float(cdist(x, y, "cosine")[0, 0]) / 2)
    assert distances.wasserstein_1d(x[0], y[0]) == 0  # what the coordinates alone would say


def test_against_scipy() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.standard_normal(30), generator.standard_normal(41) * 2 + 0.3
    m, n = len(x), len(y)
    assert distances.energy(x, y) == pytest.approx(stats.energy_distance(x, y))
    assert distances.wasserstein(x[:, None], y[:, None]) == pytest.approx(
        stats.wasserstein_distance(x, y)
    )
    assert distances.cramer_von_mises(x, y) * m * n / (m + n) == pytest.approx(
        stats.cramervonmises_2samp(x, y).statistic
    )
    assert distances.kolmogorov_smirnov(x, y) == pytest.approx(stats.ks_2samp(x, y).statistic)
    assert distances.kuiper(x, y) == pytest.approx(
        stats.ks_2samp(x, y, alternative="greater").statistic
        + stats.ks_2samp(x, y, alternative="less").statistic
    )


def test_anderson_darling_by_its_ranks() -> None:
    """Pettitt's rank form: A² = 1/(mn) Σ_i (M_i N − m i)² / (i (N − i)), i < N."""
    generator = np.random.default_rng(3)
    x, y = generator.standard_normal(7), generator.standard_normal(9) + 0.5
    m, n = len(x), len(y)
    both = np.sort(np.concatenate([x, y]))
    total = sum(
        ((x <= both[i - 1]).sum() * (m + n) - m * i) ** 2 / (i * (m + n - i))
        for i in range(1, m + n)
    )
    expected = total / (m * n)
    assert distances.anderson_darling(x, y) * m * n / (m + n) == pytest.approx(expected)


def test_mmd_of_far_points_and_of_one_point() -> None:
    assert distances.mmd(np.zeros((3, 2)), np.zeros((5, 2))) == 0
    far = distances.mmd(np.zeros(20), np.full(20, 3.0))
    assert far == pytest.approx(np.sqrt(2 - 2 * np.exp(-0.5)))


EXAMPLES = Path(__file__).parents[3] / "examples" / "plugins"


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
    assert distance_named("content") is None
    with pytest.raises(
        SmileTraceError, match="There is no distance 'euclid': use content, words, anderson_darling"
    ):
        distance_named("euclid")
    with pytest.raises(ValueError, match="already"):
        register_distance("wasserstein", lambda x, y: 0.0)


@pytest.mark.parametrize("example", ["distance.py", "solver.py"])
def test_the_example_of_the_contribution_guide_runs(example: str) -> None:
    known = dict(_REGISTRY)
    try:
        runpy.run_path(str(EXAMPLES / example))
    finally:
        _REGISTRY.clear()
        _REGISTRY.update(known)
