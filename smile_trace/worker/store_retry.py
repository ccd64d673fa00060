"""Retries of store writes while the disk is full or read-only."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from smile_trace.store import StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_WAIT, MAX_WAIT = 0.5, 5.0
"""Seconds between two tries: doubling, at most so long."""

P = ParamSpec("P")
T = TypeVar("T")


class StoreRetry:
    """Repeats what fails with StoreUnavailable until the store can be written again.

    The log gets one line when writes begin to fail or fail for another reason, and one when
    all that failed have succeeded. Thread-safe.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._failing: set[object] = set()
        self._said = ""

    def end(self) -> None:
        """Stop waiting: what cannot be written now is left to the next worker."""
        self._ended.set()

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
                self._failed(who, error)
                if self._ended.wait(wait):
                    raise
                wait = min(2 * wait, MAX_WAIT)
            else:
                self._succeeded(who)
                return done

    @contextmanager
    def trying(self, who: str) -> Iterator[None]:
        """For work that is repeated anyway: StoreUnavailable ends it, and is logged."""
        try:
            yield
        except StoreUnavailable as error:
            self._failed(who, error)
        else:
            self._succeeded(who)

    def _failed(self, who: object, error: StoreUnavailable) -> None:
        with self._lock:
            self._failing.add(who)
            if str(error) != self._said:
                self._said = str(error)
                logger.warning("everything waits, and goes on by itself: %s", error)

    def _succeeded(self, who: object) -> None:
        with self._lock:
            if who not in self._failing:
                return
            self._failing.discard(who)
            if not self._failing:
                self._said = ""
                logger.warning("the store can be written again: everything goes on")
