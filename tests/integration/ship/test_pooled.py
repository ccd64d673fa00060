"""Pooled attributions of what hosts ship a share of; `python -m benchmarks.ship.pooled` is more."""

import numpy as np
import pytest

from benchmarks.ship.pooled import CASES, explained, run

EQUAL, _, RARER, FIRSTS = CASES


@pytest.mark.slow
@pytest.mark.parametrize("case", [EQUAL, RARER, FIRSTS], ids=lambda case: case.name)
def test_the_intervals_hold_the_truth_as_often_as_they_say(case) -> None:
    found = run(case, range(40), 50_000)
    assert 0.86 <= found.coverage <= 0.94
    assert abs(np.mean(found.distances)) < 3 / np.sqrt(len(found.distances))


@pytest.mark.slow
def test_first_calls_would_mislead_without_their_probability() -> None:
    found = run(FIRSTS, range(20), 50_000)
    assert np.mean(found.unweighted) > 1.0


def test_what_the_benchmark_does_not_let_read_changes_nothing() -> None:
    for case in (RARER, FIRSTS):
        some, every = (
            list(explained(case, np.random.default_rng(1), 1500, read_all=read_all))
            for read_all in (False, True)
        )
        assert some == every
        assert len(some) > 10
