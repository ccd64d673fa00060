"""Agreement of two models."""

import numpy as np
import pytest

from smile_trace.attribution.estimation.proxy_agreement import concordance


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
