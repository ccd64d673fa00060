"""Seeded error rates on planted worlds, at a tenth of what benchmarks/statistics measures."""

import numpy as np
import pytest

from benchmarks.statistics.rates import any_null, any_planted, measure

pytestmark = pytest.mark.slow


def test_where_nothing_matters_little_is_claimed() -> None:
    rates = measure(any_null, 50, 40, seed=11, noises=(0.1, 0.25))
    assert rates["nothing"].any_significant <= 10  # nominally 10 %; 11 of 50 has probability .009
    assert rates["nothing"].reliable <= 3
    assert rates["mass"].reliable <= 5


def test_drivers_are_found_and_their_intervals_cover_the_enumerated_estimand() -> None:
    rates = list(measure(any_planted, 12, 40, seed=12).values())
    covered = [inside for rate in rates for inside in rate.covered]
    assert len(covered) > 200
    assert 0.84 <= np.mean(covered) <= 0.96
    assert np.mean([share for rate in rates for share in rate.false_share]) <= 0.12
    first = sum(rate.first_right for rate in rates) / sum(rate.with_drivers for rate in rates)
    assert first >= 0.9
