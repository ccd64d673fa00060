"""A receiver that is killed loses nothing that it has answered with 200."""

from pathlib import Path

import pytest

from tests.support.killed_receiver import run


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_was_answered_is_in_the_store_once(seed: int, tmp_path: Path) -> None:
    outcome = run(seed, tmp_path / "home")
    assert outcome.answered
    assert outcome.again > 0, "nothing was under way when it was killed"
    assert outcome.lost == set()
    assert outcome.twice == set()
