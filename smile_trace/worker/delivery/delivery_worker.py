"""From the store to one tracker: at least once, in order, independent of other trackers."""

import errno
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from smile_trace.errors import Reason, ReasonCode
from smile_trace.presentable import link, presentable
from smile_trace.records import Record
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.outbox import Delivery, TrackerState
from smile_trace.store.store import MAX_WAIT as MAX_PAUSE
from smile_trace.trackers import (
    Deferred,
    Outcome,
    Receipt,
    Rejected,
    Skipped,
    Tracker,
    TrackerUnavailable,
)
from smile_trace.worker.delivery.removals import Removals
from smile_trace.worker.delivery.turns import Batch, Turn, Turns
from smile_trace.worker.store_retry import StoreRetry

logger = logging.getLogger(__name__)

MAX_WAIT = 300.0
"""The longest time between two tries, in seconds."""
ATTEMPTS = 12
"""An item that was refused this often, in spite of a tracker that works, is given up."""

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE}
"""This machine can write no file for now, which trackers' clients do: no item is to blame."""


class Delivered(Record):
    """What one pass delivered to a tracker, and how many forgotten traces it deleted there.

    `unexplained`: of how many calls it was told why they are not explained.
    """

    traces: int = 0
    explanations: int = 0
    paths: int = 0
    profiles: int = 0
    unexplained: int = 0
    removed: int = 0
    unavailable: str | None = None


class DeliveryWorker:
    """Delivers to one tracker. Not thread-safe: one per tracker, in one thread."""

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        store_retry: StoreRetry | None = None,
    ) -> None:
        self.tracker = tracker
        self._store = store
        self._store_retry = store_retry or StoreRetry()
        self._clock = clock
        self._removals = Removals(tracker, store, clock)
        self._turns = Turns(tracker, store, settings, self._removals, clock)

    @property
    def name(self) -> str:
        """The tracker's name."""
        return self.tracker.name

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Delivered:
        """Deliver everything that is due; stop early where the tracker takes nothing.

        While one turn is on its way, the next one is read from the store.
        """
        self._turns.fill()
        state = self._store.outbox.state(self.name)
        if state.not_before > self._clock():
            return Delivered(unavailable=state.reason)
        counts: Counter[str] = Counter()
        answered = False
        try:
            turn = self._turns.read()
            with ThreadPoolExecutor(1, f"reading for {self.name}") as ahead:
                while turn and not stopping():
                    following = ahead.submit(self._turns.read, turn)
                    self._deliver_turn(turn, counts, stopping)
                    answered = True
                    # What these receipts have made due may not have been seen yet.
                    turn = following.result() or self._turns.read()
        except TrackerUnavailable as error:
            self.pause(error)
            return Delivered(unavailable=presentable(error), **counts)
        if answered:
            self.resume()
        return Delivered(**counts)

    def wait(self) -> float | None:
        """Seconds until something may be tried again; None where nothing waits."""
        due = self._store.outbox.next_due(self.name)
        return None if due is None else max(0.0, due - self._clock())

    def _deliver_turn(self, turn: Turn, counts: Counter[str], stopping: Callable[[], bool]) -> None:
        """Delete what is to be deleted, then deliver batch after batch, until it is to stop."""
        counts["removed"] += self._removals.delete(turn.removals)
        for batch in turn.batches:
            counts[batch.counted] += self._deliver(batch)
            if stopping():
                return

    def _deliver(self, batch: Batch) -> int:
        """Hand over what was found; the outcome of the rest is `otherwise`."""
        missing = [(delivery, batch.otherwise) for delivery, item in batch.found if item is None]
        if missing:
            self._note(missing)
        there = [(delivery, item) for delivery, item in batch.found if item is not None]
        if not there:
            return 0
        deliveries, items = zip(*there, strict=True)
        return self._send(deliveries, items, batch.deliver)

    def _send(
        self,
        due: Sequence[Delivery],
        items: Sequence[Any],
        deliver: Callable[[Sequence[Any]], list[Outcome]],
    ) -> int:
        try:
            outcomes = deliver(items)
            if len(outcomes) != len(items):
                raise ValueError(f"{len(outcomes)} outcomes for {len(items)} items")
        except TrackerUnavailable:
            raise
        except Exception as error:
            if isinstance(error, OSError) and _is_disk_error(error):
                raise TrackerUnavailable(
                    f"no file can be written for its client ({error}): free some space, also in "
                    "the folder for temporary files; everything is kept until then."
                ) from error
            if len(items) > 1:  # one of them may be the cause: each for itself
                return sum(
                    self._send([delivery], [item], deliver)
                    for delivery, item in zip(due, items, strict=True)
                )
            logger.warning("%s: %s failed", self.name, due[0].item, exc_info=error)
            said = f"delivery failed: {type(error).__name__}: {error}"
            outcomes = [Rejected(reason=said, code=ReasonCode.DELIVERY_FAILED)]
        return self._note(list(zip(due, outcomes, strict=True)))

    def _note(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> int:
        # What arrived would be sent again if it were not noted, so this waits for the disk.
        return self._store_retry(self._settle, outcomes)

    def _settle(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> int:
        arrived, now = 0, self._clock()
        with self._store.outbox.settling() as settling:
            for delivery, outcome in outcomes:
                match outcome:
                    case Receipt():
                        url = outcome.url and link(outcome.url)
                        settling.delivered(delivery, outcome.external_id, url)
                        arrived += 1
                    case Skipped():
                        settling.skipped(delivery, _reason(outcome))
                    case Deferred():
                        until = now + outcome.seconds
                        settling.postpone(delivery, _reason(outcome), until=until)
                    case Rejected() if outcome.retry and delivery.attempts + 1 < ATTEMPTS:
                        until = now + wait_after(delivery.attempts)
                        settling.postpone(delivery, _reason(outcome), until=until, counted=True)
                    case Rejected():
                        settling.refused(delivery, _reason(outcome))
        return arrived

    def pause(self, error: TrackerUnavailable) -> None:
        """Give the tracker nothing for a while: it said that it takes nothing."""
        said = presentable(error)
        state, now = self._store.outbox.state(self.name), self._clock()
        wait = error.retry_after or wait_after(state.failures)
        if said != state.reason:
            logger.warning("%s takes nothing: %s", self.name, said)
        self._store.outbox.note_state(
            TrackerState(
                name=self.name,
                failures=state.failures + 1,
                reason=said,
                reason_code=error.code,
                since=state.since or now,
                not_before=now + min(wait, MAX_PAUSE),
            )
        )

    def resume(self) -> None:
        """The tracker has taken something: nothing is wrong with it any more."""
        if self._store.outbox.state(self.name).failures:
            self._store.outbox.note_state(TrackerState(name=self.name))
            logger.warning("%s takes deliveries again", self.name)


def _reason(outcome: Rejected | Deferred | Skipped) -> Reason:
    return Reason(outcome.code, presentable(outcome.reason))


def _is_disk_error(error: OSError) -> bool:
    # The first look for a folder for temporary files finds none where nothing can be written,
    # and says so as a file that is missing, without its name.
    nowhere = error.errno == errno.ENOENT and error.filename is None
    return nowhere or error.errno in DISK_ERRORS


def wait_after(failures: int) -> float:
    """Seconds until the next try: doubling from 1 s, at most `MAX_WAIT`, with jitter."""
    return min(MAX_WAIT, 2.0 ** min(failures, 16)) * random.uniform(0.5, 1.0)
