"""Repetition: of writes while a disk is full or read-only, and of a thread's task for all
workers."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from smile_trace._text.log_context import about
from smile_trace.store import StoreError, StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_WAIT, MAX_WAIT = 0.5, 5.0
"""Seconds between two tries: doubling from the first to the second."""

P = ParamSpec("P")
T = TypeVar("T")


class StoreRetry:
    """Repeats what fails with StoreUnavailable until the store can be written again. Thread-safe.

    The log gets one line when writes begin to fail or fail for another reason, and one when all
    that failed have succeeded.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._failing: set[object] = set()
        self._said = ""

    def end(self) -> None:
        """Stop waiting: failing writes are left to the next worker."""
        self._ended.set()

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`, tried until the store can be written; raises StoreUnavailable after
        `end`."""
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
        """Log a StoreUnavailable, which ends the work inside: it is repeated anyway."""
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
                logger.warning("everything waits, and continues when it is back: %s", error)

    def _succeeded(self, who: object) -> None:
        with self._lock:
            if who not in self._failing:
                return
            self._failing.discard(who)
            if not self._failing:
                self._said = ""
                logger.warning("the store can be written again: everything goes on")


class Repeating(threading.Thread):
    """A thread that repeats some work (or does it `once`) until it is told to stop. Of all workers
    of a shared store only the one that `leads` the task does it.

    Args:
        doing, done: the work in words: "reading mlflow", "read from mlflow".
        task: its name among the workers.
        seconds: between two times.
        stopping: ends it before the next time.
        fields: those of its log lines.
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
        """Work, wait, and go on."""
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
                    logger.exception("%s failed; the worker continues", self._doing)
                if self._once:
                    return
                self._stopping.wait(self._seconds)
