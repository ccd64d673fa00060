"""The time that all who share a store agree on: its database's."""

import time
from collections.abc import Callable


class DatabaseClock:
    """Unix seconds as the database has them, counted on by this machine's clock between two looks.

    Waits, days and the order of what happened are then the same for every worker, whatever the
    clock of its machine says.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """The time now."""
        return time.time() - self._ahead

    def look(self, ask: Callable[[], float]) -> float:
        """Compare the clocks.

        Args:
            ask: asks the database for its Unix seconds.

        Returns:
            How many seconds this machine's clock is ahead. A difference that the question's way
            there and back explains changes nothing here.
        """
        before = time.time()
        theirs = ask()
        after = time.time()
        ahead = (before + after) / 2 - theirs
        if abs(ahead - self._ahead) > after - before:
            self._ahead = ahead
        return ahead
