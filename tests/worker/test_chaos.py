"""The books: whatever dies and whenever, nothing is lost and nothing is paid for twice.

A planted HTTP model counts and prices its calls; it, the real worker, its disk and the tracker
are killed, paused and disturbed as a seed has planned it. Afterwards every finished call is
stored once, explained or failed with a true reason, and visible once; and the recorded spend
covers the model's own books and stays below the caps.
"""

from pathlib import Path

import pytest

from tests.worker.chaos.arena import Arena
from tests.worker.chaos.books import balance, visible_once


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 30))]
)
def test_the_books(seed: int, tmp_path: Path) -> None:
    arena = Arena(tmp_path, seed)
    try:
        arena.run()
        balance(arena)
        visible_once(arena)
    finally:
        arena.close()
