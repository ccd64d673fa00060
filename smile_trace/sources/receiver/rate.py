"""How much is taken in at once and per second: what is beyond waits at the sender."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TooMuch(Exception):
    """Nothing more is taken now; `seconds` says when to try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Intake:
    """Counts the bytes of bodies.

    Args:
        at_once: bytes that may be held at any moment.
        per_second: bytes per second on average; a second's worth, or one body of any size, may
            come at once.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, at_once: int, per_second: float, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._held = 0
        self._free_at = clock()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Hold a body of `size` bytes meanwhile.

        Raises:
            TooMuch: the others take all there is.
        """
        now = self._clock()
        # The bytes that came before take until `_free_at` at the rate that is allowed.
        if self._free_at > now + 1:
            raise TooMuch(self._free_at - now - 1)
        if self._held and self._held + size > self._at_once:
            raise TooMuch(1)
        self._free_at = max(self._free_at, now) + size / self._per_second
        self._held += size
        try:
            yield
        finally:
            self._held -= size
