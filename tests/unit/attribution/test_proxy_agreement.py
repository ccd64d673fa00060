"""Agreement of two models, and the test that may be repeated after every explanation."""

import numpy as np
import pytest

from smile_trace.attribution.estimation.proxy_agreement import (
    ERROR,
    MIN_AGREEMENT,
    concordance,
    disagrees,
)


def test_the_same_order_agrees_fully_whatever_the_scale() -> None:
    y = np.array([0.0, 0.2, 0.5, 0.9])
    assert concordance(y, y**3) == 1.0
    assert concordance(y, 1 - y) == 0.0
    assert concordance(y, np.full(4, 0.3)) == 0.5


def test_pairs_that_hardly_differ_are_ignored() -> None:
    assert concordance(np.array([0.5, 0.505]), np.array([0.9, 0.1])) is None
    assert concordance(np.zeros(0), np.zeros(0)) is None
    # of the three pairs only the two with the last one count
    assert concordance(np.array([0.5, 0.505, 0.9]), np.array([0.9, 0.1, 0.5])) == 0.5


def test_of_a_label_it_is_the_area_under_the_curve_of_its_change() -> None:
    changed = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    proxy = np.array([0.1, 0.2, 0.6, 0.5, 0.9])
    assert concordance(changed, proxy) == pytest.approx(5 / 6)


def test_a_proxy_of_minimal_agreement_is_hardly_ever_dropped_however_often_one_looks() -> None:
    generator = np.random.default_rng(3)
    dropped = 0
    for _ in range(1000):  # the worst case: all or nothing, with the line as its mean
        values = (generator.random(100) < MIN_AGREEMENT).astype(float)
        dropped += any(disagrees(values[:seen]) for seen in (5, 10, 20, 40, 70, 100))
    assert dropped <= 1000 * ERROR + 3 * (1000 * ERROR) ** 0.5


def test_an_uninformative_proxy_is_dropped_soon_and_stays_dropped() -> None:
    generator = np.random.default_rng(4)
    looks = []
    for _ in range(50):
        values = np.clip(0.5 + 0.15 * generator.standard_normal(80), 0, 1)
        first = next(n for n in range(1, 81) if disagrees(values[:n]))
        assert all(disagrees(np.append(values[:first], [1.0] * more)) for more in (1, 30))
        looks.append(first)
    assert np.median(looks) <= 25
    assert not disagrees([])


def test_a_good_proxy_is_never_dropped() -> None:
    generator = np.random.default_rng(5)
    for _ in range(20):
        assert not disagrees(np.clip(0.85 + 0.1 * generator.standard_normal(300), 0, 1))
