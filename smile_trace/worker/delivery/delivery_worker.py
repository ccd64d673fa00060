"""From the store to one tracker: at least once, in order, independent of other trackers."""

import errno
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from smile_trace.errors import Reason, ReasonCode
from smile_trace.presentable import link, presentable
from smile_trace.records import Record, Trace
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.outbox import Delivery, TrackerState
from smile_trace.store.queueing import Wanted
from smile_trace.store.store import MAX_WAIT as MAX_PAUSE
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    Outcome,
    Receipt,
    Rejected,
    Skipped,
    Tracker,
    TrackerUnavailable,
    UnexplainedCall,
)
from smile_trace.worker.delivery.removals import Removals
from smile_trace.worker.store_retry import StoreRetry

logger = logging.getLogger(__name__)

Item = TypeVar("Item", CapturedTrace, ExplainedCall, ExplainedPath, UnexplainedCall)

TRACES, EXPLANATIONS, PATHS, UNEXPLAINED = 50, 10, 5, 50
"""How many go into one batch."""
MAX_WAIT = 300.0
"""The longest time between two tries, in seconds."""
ATTEMPTS = 12
"""An item that was refused this often, in spite of a tracker that works, is given up."""

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE}
"""This machine can write no file for now, which trackers' clients do: no item is to blame."""

CALL_REMOVED = Rejected(reason="its call is not in its trace", code=ReasonCode.CALL_REMOVED)
TRACE_UNREADABLE = Rejected(
    reason="its spans cannot be read any more", code=ReasonCode.TRACE_UNREADABLE
)
EXPLAINED_SINCE = Skipped(reason="by now it is explained, or will be")


class Delivered(Record):
    """What one pass delivered to a tracker, and how many forgotten traces it deleted there.

    `unexplained`: of how many calls it was told why they are not explained.
    """

    traces: int = 0
    explanations: int = 0
    paths: int = 0
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
        self._takes_traces = tracker.capabilities.traces
        self._store_retry = store_retry or StoreRetry()
        self._external_seconds = settings.worker.external_trace_seconds
        self._clock = clock
        self._removals = Removals(tracker, store, clock)

    @property
    def name(self) -> str:
        """The tracker's name."""
        return self.tracker.name

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Delivered:
        """Deliver everything that is due; stop early where the tracker takes nothing."""
        self._fill()
        state = self._store.outbox.state(self.name)
        if state.not_before > self._clock():
            return Delivered(unavailable=state.reason)
        counts = {"traces": 0, "explanations": 0, "paths": 0, "unexplained": 0, "removed": 0}
        answered, going = False, True
        try:
            while going and not stopping():
                going = False
                if removed := self._removals.run():  # in between: a backlog may take hours
                    counts["removed"] += removed
                    answered = True
                for kind, arrived in self._turn():
                    counts[kind] += arrived
                    going = answered = True
                    if stopping():
                        break
                self._fill()
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

    def _fill(self) -> None:
        self._store.outbox.fill(
            self.name, now=self._clock(), wanted=wanted(self.tracker.capabilities)
        )

    def _turn(self) -> Iterator[tuple[str, int]]:
        """A batch of traces, then one of explanations and one of paths, which thus arrive where
        traces come faster than they are taken, too: how many of each arrived. What is not explained
        comes last."""
        if captured := self._due_traces():
            yield "traces", self._deliver(captured, TRACE_UNREADABLE, self.tracker.deliver_traces)
        if explained := self._due_explanations():
            yield (
                "explanations",
                self._deliver(explained, CALL_REMOVED, self.tracker.deliver_explanations),
            )
        if paths := self._due_paths():
            yield "paths", self._deliver(paths, TRACE_UNREADABLE, self.tracker.deliver_paths)
        if not captured and not explained and not paths and (others := self._due_unexplained()):
            yield (
                "unexplained",
                self._deliver(others, EXPLAINED_SINCE, self.tracker.deliver_unexplained),
            )

    def _due_traces(self) -> list[tuple[Delivery, CapturedTrace | None]]:
        due = self._store.outbox.due_traces(self.name, now=self._clock(), limit=TRACES)
        if not due:
            return []
        traces = {trace.trace_id: trace for trace in self._store.trace_many([d.item for d in due])}
        items = {
            trace_id: CapturedTrace(trace=trace, wait_for_external=self._waits_for_external(trace))
            for trace_id, trace in traces.items()
        }
        return [(delivery, items.get(delivery.item)) for delivery in due]

    def _due_explanations(self) -> list[tuple[Delivery, ExplainedCall | None]]:
        due = self._store.outbox.due_explanations(
            self.name, now=self._clock(), limit=EXPLANATIONS, traces_too=self._takes_traces
        )
        return [(delivery, self._explained(delivery)) for delivery in due]

    def _due_paths(self) -> list[tuple[Delivery, ExplainedPath | None]]:
        due = self._store.outbox.due_paths(self.name, now=self._clock(), limit=PATHS)
        return [(delivery, self._path(delivery)) for delivery in due]

    def _due_unexplained(self) -> list[tuple[Delivery, UnexplainedCall | None]]:
        due = self._store.outbox.due_unexplained(self.name, now=self._clock(), limit=UNEXPLAINED)
        return [(delivery, self._unexplained(delivery)) for delivery in due]

    def _deliver(
        self,
        found: Sequence[tuple[Delivery, Item | None]],
        otherwise: Rejected | Skipped,
        deliver: Callable[[Sequence[Item]], list[Outcome]],
    ) -> int:
        """Hand over what was found; the outcome of the rest is `otherwise`."""
        missing = [(delivery, otherwise) for delivery, item in found if item is None]
        if missing:
            self._note(missing)
        there = [(delivery, item) for delivery, item in found if item is not None]
        if not there:
            return 0
        deliveries, items = zip(*there, strict=True)
        return self._send(deliveries, items, deliver)

    def _explained(self, delivery: Delivery) -> ExplainedCall | None:
        trace = self._store.trace(delivery.trace_id)
        explanation = self._store.explanation(delivery.item)
        call = next((call for call in trace.calls if call.id == delivery.item), None)
        traced_as = delivery.traced_as if self._takes_traces else ""
        if call is None or explanation is None or traced_as is None:
            return None
        return ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=traced_as)

    def _path(self, delivery: Delivery) -> ExplainedPath | None:
        path = self._store.paths.get(delivery.item)
        if path is None or delivery.traced_as is None:
            return None
        trace = self._store.trace(delivery.trace_id)
        return ExplainedPath(trace=trace, path=path, traced_as=delivery.traced_as)

    def _unexplained(self, delivery: Delivery) -> UnexplainedCall | None:
        job = self._store.jobs.unexplained(delivery.item)
        trace = self._store.trace(delivery.trace_id)
        call = next((call for call in trace.calls if call.id == delivery.item), None)
        if job is None or call is None or delivery.traced_as is None:
            return None
        return UnexplainedCall(
            trace=trace,
            call=call,
            state="failed" if job.state == "failed" else "skipped",
            code=job.reason_code or ReasonCode.OTHER,
            reason=job.reason or "",
            traced_as=delivery.traced_as,
        )

    def _waits_for_external(self, trace: Trace) -> bool:
        if not self.tracker.capabilities.external_traces:
            return False
        captured = max(span.end_ns for span in trace.spans) / 1e9
        return self._clock() - captured < self._external_seconds

    def _send(
        self,
        due: Sequence[Delivery],
        items: Sequence[Item],
        deliver: Callable[[Sequence[Item]], list[Outcome]],
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


def wanted(capabilities: Capabilities) -> Wanted:
    """What is queued for a tracker that declares these."""
    return Wanted(**{name: getattr(capabilities, name) for name in Wanted.model_fields})


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
