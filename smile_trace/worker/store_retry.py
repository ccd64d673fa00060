"""What is done again: writes while a disk is full or read-only, and what a thread does for all."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from smile_trace._text.log_context import about
from smile_trace.store import StoreError, StoreUnavailable

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


class Repeating(threading.Thread):
    """A thread that does something again and again, `once` a single time, until it is told to stop.
    Of all workers of a shared store the one does it that `leads`.

    Args:
        work: what is done.
        doing, done: what that is, in words: "reading mlflow", "read from mlflow".
        task: what it is called among the workers.
        seconds: between two times.
        store_retry: logs what cannot be written.
        leads: whether this worker does a task that one of all workers does.
        stopping: ends it before the next time.
        once: whether it ends after the first time.
        fields: what its log lines are about.
    """

    def __init__(
        self,
        work: Callable[[], object],
        *,
        doing: str,
        done: str,
        task: str,
        seconds: float,
        store_retry: StoreRetry,
        leads: Callable[[str], bool],
        stopping: threading.Event,
        once: bool,
        **fields: str,
    ) -> None:
        super().__init__(name=task, daemon=True)
        self._work = work
        self._doing, self._done = doing, done
        self._seconds = seconds
        self._store_retry = store_retry
        self._leads = leads
        self._stopping = stopping
        self._once = once
        self._fields = fields

    def run(self) -> None:
        """Do it, wait, and go on."""
        with about(**self._fields):
            while not self._stopping.is_set():
                try:
                    with self._store_retry.trying(self.name):
                        if self._leads(self.name):
                            self._work()
                except StoreError as error:
                    logger.error("nothing more is %s: %s", self._done, error)
                    return
                except Exception:
                    logger.exception("%s failed; it goes on", self._doing)
                if self._once:
                    return
                self._stopping.wait(self._seconds)
