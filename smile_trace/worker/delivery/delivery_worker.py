"""Delivery from the store to one tracker: at least once, in order, independent of others."""

import errno
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import Any

from smile_trace._guards.presentable import links, presentable
from smile_trace._text.log_context import about
from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.outbox import Delivery, TrackerState
from smile_trace.store.store import LONGEST_WAIT
from smile_trace.trackers import (
    Deferred,
    Outcome,
    Receipt,
    Rejected,
    Skipped,
    Tracker,
    TrackerUnavailable,
)
from smile_trace.worker.delivery.per_prompt import Comparisons, Reports
from smile_trace.worker.delivery.removals import Removals
from smile_trace.worker.delivery.turns import Batch, Turn, Turns
from smile_trace.worker.store_retry import StoreRetry
from smile_trace.worker.telemetry import traced

logger = logging.getLogger(__name__)

Outcomes = Sequence[tuple[Delivery, Outcome]]
_Noting = tuple[str, "Future[int]"]
"""The counter of a batch, and the number of its arrivals once the outcomes are stored."""

MAX_WAIT = 300.0
"""The longest time between two tries, in seconds."""
ATTEMPTS = 12
"""An item that a working tracker refused this often is given up."""

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE}
"""This machine can write no file for now, which trackers' clients do: no item is to blame."""


class Delivered(Record):
    """The deliveries of one pass, and how many forgotten traces it deleted there. `unexplained`:
    calls whose missing explanation the tracker was told."""

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
        """Deliver everything that is due; stop early if the tracker takes nothing. During a turn,
        the outcomes of the last one are stored, and then the next one is read."""
        state = self._store.outbox.state(self.name)
        if state.not_before > self._clock():
            self._turns.fill()  # so that `status` counts what waits
            return Delivered(unavailable=state.reason)
        counts: Counter[str] = Counter()
        unavailable: TrackerUnavailable | None = None
        turn = self._turns.read()
        answered = False
        with ThreadPoolExecutor(1, f"the store beside {self.name}") as beside:
            noting: list[_Noting] = []
            carry = copy_context().run  # the one thread's log lines name the tracker, too
            try:
                while turn and not stopping():
                    following, before = beside.submit(carry, self._turns.read, turn), len(noting)
                    for counted, outcomes in self._deliver_turn(turn, counts, stopping):
                        noting.append((counted, beside.submit(carry, self._note, outcomes, turn)))
                    answered = True
                    # What these receipts have made due may not have been seen yet.
                    turn = following.result() or beside.submit(carry, self._turns.read).result()
                    _count(noting[:before], counts)
                    del noting[:before]
            except TrackerUnavailable as error:
                unavailable = error
            _count(noting, counts)
        if unavailable is not None:
            self.pause(unavailable)
            return Delivered(unavailable=presentable(unavailable), **counts)
        if answered:
            self.resume()
        return Delivered(**counts)

    def wait(self) -> float | None:
        """Seconds until something may be tried again; None if nothing waits."""
        due = self._store.outbox.next_due(self.name)
        return None if due is None else max(0.0, due - self._clock())

    def _deliver_turn(
        self, turn: Turn, counts: Counter[str], stopping: Callable[[], bool]
    ) -> Iterator[tuple[str, Outcomes]]:
        """Delete copies, then deliver batches until told to stop. Yields the outcomes as soon as
        they are there, with the counter of arrivals."""
        counts["removed"] += self._removals.delete(turn.removals)
        for batch in turn.batches:
            for outcomes in self._deliver(batch):
                yield batch.counted, outcomes
            if stopping():
                return

    def _deliver(self, batch: Batch) -> Iterator[Outcomes]:
        """Deliver the items that were found; the outcome of the others is `otherwise`."""
        missing = [(delivery, batch.otherwise) for delivery, item in batch.found if item is None]
        if missing:
            yield missing
        there = [(delivery, item) for delivery, item in batch.found if item is not None]
        if there:
            deliveries, items = zip(*there, strict=True)
            yield from self._send(deliveries, items, batch.deliver, batch.prepared)

    def _send(
        self,
        due: Sequence[Delivery],
        items: Sequence[Any],
        deliver: Callable[[Sequence[Any]], list[Outcome]],
        prepared: Callable[[], list[Outcome]] | None = None,
    ) -> Iterator[Outcomes]:
        try:
            with _about(due), traced("deliver", items=len(items)):
                outcomes = prepared() if prepared else deliver(items)
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
                for delivery, item in zip(due, items, strict=True):
                    yield from self._send([delivery], [item], deliver)
                return
            with _about(due):
                logger.warning("%s: %s failed", self.name, due[0].item, exc_info=error)
            said = f"delivery failed: {type(error).__name__}: {error}"
            outcomes = [Rejected(reason=said, code=ReasonCode.DELIVERY_FAILED)]
        yield list(zip(due, outcomes, strict=True))

    def _note(self, outcomes: Outcomes, turn: Turn) -> int:
        """Store the outcomes; returns how many arrived. Holds their turn until then, as the last
        one: to free it takes a third of a millisecond, in which no request would be under way."""
        # What arrived would be sent again if it were not noted, so this waits for the disk.
        return self._store_retry(self._settle, outcomes)

    def _settle(self, outcomes: Outcomes) -> int:
        arrived, now = 0, self._clock()
        receipts = [one for _, one in outcomes if isinstance(one, Receipt)]
        urls = iter(links(one.url or "" for one in receipts))
        with self._store.outbox.settling() as settling:
            for delivery, outcome in outcomes:
                match outcome:
                    case Receipt():
                        url = next(urls)
                        settling.delivered(delivery, outcome.external_id, url or None)
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
        """Give the tracker nothing for a while, since it takes nothing."""
        said = presentable(error)
        state, now = self._store.outbox.state(self.name), self._clock()
        wait = error.retry_after or wait_after(state.failures)
        if said != state.reason:
            logger.warning("%s is not accepting data: %s", self.name, said)
        self._store.outbox.note_state(
            TrackerState(
                name=self.name,
                failures=state.failures + 1,
                reason=said,
                reason_code=error.code,
                since=state.since or now,
                not_before=now + min(wait, LONGEST_WAIT),
            )
        )

    def resume(self) -> None:
        """End the tracker's pause, since it has taken something."""
        if self._store.outbox.state(self.name).failures:
            self._store.outbox.note_state(TrackerState(name=self.name))
            logger.warning("%s is accepting data again", self.name)


def _about(due: Sequence[Delivery]) -> AbstractContextManager[None]:
    """Give log lines the ids of a single item; one about several items names the tracker alone."""
    if len(due) != 1:
        return nullcontext()
    [one] = due
    of_call = {} if one.item == one.trace_id else {"call_id": one.item}
    return about(trace_id=one.trace_id, **of_call)


def _count(noting: Sequence[_Noting], counts: Counter[str]) -> None:
    """Wait until the outcomes are stored, and count the arrivals."""
    for counted, arrived in noting:
        counts[counted] += arrived.result()


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


MAX_LAST_WAIT = 5.0
"""Seconds that a drained thread still waits for a delivery that did not arrive at first."""


class DeliveryThread(threading.Thread):
    """Delivers to one tracker until everything is delivered, or it is told to stop.

    Args:
        leads: whether this worker has the named task among all workers.
        drained: set once nothing more will be captured or explained.
        stopping: set to stop at the next chance.
    """

    def __init__(
        self,
        delivery_worker: DeliveryWorker,
        store: Store,
        settings: Settings,
        store_retry: StoreRetry,
        leads: Callable[[str], bool],
        drained: threading.Event,
        stopping: threading.Event,
    ) -> None:
        super().__init__(name=f"delivery to {delivery_worker.name}", daemon=True)
        self.delivery_worker = delivery_worker
        self._comparisons = Comparisons(delivery_worker.tracker, store, settings, time.monotonic)
        self._reports = Reports(delivery_worker.tracker, store, settings)
        self._poll_seconds = settings.worker.poll_seconds
        self._store_retry = store_retry
        self._leads = leads
        self._drained = drained
        self._stopping = stopping

    def run(self) -> None:
        """Deliver repeatedly what is due."""
        with about(tracker=self.delivery_worker.name):
            self._deliver_on()

    def _deliver_on(self) -> None:
        tracker = self.delivery_worker.name
        while True:
            drained = self._drained.is_set()
            wait = None
            try:
                with self._store_retry.trying(self.name):
                    if self._leads(self.name):
                        wait = self._deliver_due(at_once=drained)
            except StoreError as error:
                logger.error("nothing more is delivered to %s: %s", tracker, error)
                return
            except Exception:
                logger.exception("a delivery to %s failed; the others continue", tracker)
            if self._stopping.is_set():
                return
            if not drained:
                self._drained.wait(self._poll_seconds)
            elif wait is None or wait > MAX_LAST_WAIT:
                return
            else:
                self._stopping.wait(wait)

    def _deliver_due(self, *, at_once: bool) -> float | None:
        """Deliver what is due. If nothing more will come (`at_once`), returns the seconds until the
        next try, None if nothing waits."""
        worker = self.delivery_worker
        done = worker.run(self._stopping.is_set)
        if done.traces or done.explanations or done.paths or done.profiles:
            logger.info(
                "%s got %d traces, %d explanations, %d paths, %d profiles",
                worker.name,
                done.traces,
                done.explanations,
                done.paths,
                done.profiles,
            )
        if done.removed:
            logger.info("%s: %d forgotten traces were deleted", worker.name, done.removed)
            self._comparisons.deliver_anew()
            self._reports.deliver_anew()
        if done.unavailable is None:
            try:
                arrived = self._comparisons.run(at_once=at_once)
                if arrived + self._reports.run(at_once=at_once):
                    worker.resume()
            except TrackerUnavailable as error:
                worker.pause(error)
        return worker.wait() if at_once else None
