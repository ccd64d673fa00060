"""Shippers and receivers that are killed: everything captured is in the store, once."""

from pathlib import Path

import pytest

from tests.support.killed_shipper import run


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_everything_captured_is_in_the_store_once(seed: int, tmp_path: Path) -> None:
    outcome = run(seed, tmp_path)
    assert outcome.kills >= 5
    assert outcome.good, outcome.line
