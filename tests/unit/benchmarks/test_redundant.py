"""The pair test of `benchmarks/statistics/redundant.py`."""

import numpy as np
import pytest

from benchmarks.statistics import redundant
from benchmarks.statistics.redundant import PAIRS, WORLDS, named, pair_test, rows_of


def test_without_noise_the_pair_that_replaces_each_other_has_the_least_p(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redundant, "NOISE", 0.0)
    either = next(world for world in WORLDS if world.name == "either of two")
    rows = rows_of(either, (0.5,), np.random.default_rng(0))
    p_values = pair_test(rows, np.random.default_rng(1))
    assert PAIRS[int(np.argmin(p_values))] == either.drivers
    assert p_values.min() < 0.001


def test_what_is_named_is_named_once_by_segments_or_else_by_pairs() -> None:
    rows = rows_of(WORLDS[0], (0.5, 0.2), np.random.default_rng(2))
    for parts in named(rows, 0):
        assert len({len(part) for part in parts}) <= 1
