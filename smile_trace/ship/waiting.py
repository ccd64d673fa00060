"""How long to wait for a receiver that does not answer: longer and longer, and never in step."""

import random

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
LONGEST_ASKED_SECONDS = 600.0
"""The longest `Retry-After` that is believed."""


class Backoff:
    """Seconds between two attempts: doubled each time, between a half of that and all of it, so
    that a thousand hosts do not come back at once.

    Args:
        chance: where the fraction comes from.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS

    def reset(self) -> None:
        """It has answered."""
        self._next = FIRST_SECONDS

    def seconds(self, asked: float | None) -> float:
        """How long to wait now; at least `asked`, what the receiver has asked for."""
        own = self._next * self._chance.uniform(0.5, 1.0)
        self._next = min(2 * self._next, LONGEST_SECONDS)
        return own if asked is None else max(own, min(asked, LONGEST_ASKED_SECONDS))
