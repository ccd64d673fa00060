"""Waiting for a store that cannot be written for now, instead of giving up."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from smile_trace.store import StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Seconds between two tries: doubling, at most so long."""

P = ParamSpec("P")
T = TypeVar("T")


class StoreRetry:
    """Whoever meets a disk that is full or read-only waits here, and goes on by itself.

    The log gets one sentence when the trouble begins or becomes another one, and one when
    everybody who met it is through. Thread-safe.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._troubled: set[object] = set()
        self._said = ""

    def end(self) -> None:
        """Wait no longer: what cannot be written now is left to the next worker."""
        self._over.set()

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives, tried until the store can be written.

        Raises:
            StoreUnavailable: it still cannot, and the waiting was ended.
        """
        who, wait = object(), FIRST_WAIT
        while True:
            try:
                done = work(*args, **kwargs)
            except StoreUnavailable as error:
                self.met(who, error)
                if self._over.wait(wait):
                    raise
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self.through(who)
                return done

    @contextmanager
    def trying(self, who: str) -> Iterator[None]:
        """Do something that is repeated anyway: here it just ends where the store fails."""
        try:
            yield
        except StoreUnavailable as error:
            self.met(who, error)
        else:
            self.through(who)

    def met(self, who: object, error: StoreUnavailable) -> None:
        """`who` could not write."""
        with self._lock:
            self._troubled.add(who)
            if str(error) != self._said:
                self._said = str(error)
                logger.warning("everything waits, and goes on by itself: %s", error)

    def through(self, who: object) -> None:
        """`who` could write."""
        with self._lock:
            if who not in self._troubled:
                return
            self._troubled.discard(who)
            if not self._troubled:
                self._said = ""
                logger.warning("the store can be written again: everything goes on")
