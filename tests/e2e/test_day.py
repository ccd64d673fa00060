"""A day of a few hundred calls: what `make day` looks for holds (how near its cost is, is not)."""

from pathlib import Path

import pytest

from benchmarks.day.__main__ import main


@pytest.mark.slow
def test_what_is_planted_in_a_day_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    assert {*main(tmp_path / "day", 600)} <= {"it cost another tenth"}
