"""Reads the due deliveries of one tracker from the store, turn by turn."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from smile_trace._guards.collector import without_collector
from smile_trace.errors import ReasonCode
from smile_trace.records import Call, Trace
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.forgetting import Removal
from smile_trace.store.outbox import Delivery
from smile_trace.store.outbox_news import Kind, Wanted
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ExplainedCall,
    ExplainedPath,
    Outcome,
    ProfiledCall,
    Rejected,
    Skipped,
    Tracker,
    UnexplainedCall,
)
from smile_trace.worker.delivery.removals import Removals

TRACES = 50
LIMITS: dict[Kind, int] = {"trace": TRACES, "explanation": 10, "path": 5, "profile": 10}
"""Items in one batch."""
UNEXPLAINED: dict[Kind, int] = {"unexplained": 50}
FILL_SECONDS = 1.0
"""How long news in the store may stay unseen while there is enough to deliver."""

Item = TypeVar("Item")

CALL_REMOVED = Rejected(reason="its call is not in its trace", code=ReasonCode.CALL_REMOVED)
TRACE_UNREADABLE = Rejected(
    reason="its spans cannot be read any more", code=ReasonCode.TRACE_UNREADABLE
)
EXPLAINED_SINCE = Skipped(reason="by now it is explained, or will be")


@dataclass(frozen=True)
class Batch:
    """Items that are delivered at once.

    Attributes:
        counted: the field of `Delivered` that counts the arrivals.
        found: each delivery with its item, None if the store no longer has it.
        otherwise: the outcome of a delivery without its item.
        prepared: delivers the items that were found, with less to do than `deliver`.
    """

    counted: Literal["traces", "explanations", "paths", "profiles", "unexplained"]
    found: Sequence[tuple[Delivery, Any]]
    otherwise: Rejected | Skipped
    deliver: Callable[[Sequence[Any]], list[Outcome]]
    prepared: Callable[[], list[Outcome]] | None = None


@dataclass(frozen=True)
class Turn:
    """A tracker's next work: first copies to be deleted, then a batch of each kind."""

    removals: Sequence[Removal] = ()
    batches: Sequence[Batch] = ()

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.removals or self.batches)

    def items(self, kind: Kind) -> set[str]:
        """The items of its deliveries of a kind."""
        found = (delivery for batch in self.batches for delivery, _ in batch.found)
        return {delivery.item for delivery in found if delivery.kind == kind}


NOTHING = Turn()


class Turns:
    """Reads turns for one tracker; in any thread, but in one at a time."""

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        removals: Removals,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._removals = removals
        self._external_seconds = settings.worker.external_trace_seconds
        self._clock = clock
        self._takes_traces = tracker.capabilities.traces
        self._filled = 0.0

    def fill(self) -> None:
        """Queue what is new in the store."""
        self._filled = self._clock()
        self._store.outbox.fill(
            self._tracker.name, now=self._clock(), wanted=wanted(self._tracker.capabilities)
        )

    def read(self, under_way: Turn = NOTHING) -> Turn:
        """Read the next turn, beside one that is being delivered.

        It holds a batch of traces, then of explanations, paths and profiles, which thus arrive even
        if traces come faster than they are taken. Unexplained calls are read only if nothing else
        is due or under way.
        """
        removals: Sequence[Removal] = ()
        if not under_way or abs(self._clock() - self._filled) >= FILL_SECONDS:
            self.fill()
            # Before the batches: of a trace that is forgotten meanwhile, what is sent all the same
            # is deleted in a later turn.
            removals = () if under_way.removals else self._removals.waiting()
        due = self._store.outbox.due(
            self._tracker.name,
            LIMITS if under_way else LIMITS | UNEXPLAINED,
            now=self._clock(),
            alone=not self._takes_traces,
            without={kind: under_way.items(kind) for kind in LIMITS},
        )
        unexplained = due.pop("unexplained", [])
        with without_collector():
            batches = self._batches(due) if any(due.values()) else self._others(unexplained)
        return Turn(removals, [batch for batch in batches if batch.found])

    def _batches(self, due: Mapping[Kind, Sequence[Delivery]]) -> list[Batch]:
        tracker = self._tracker
        traces = self._items(due["trace"], self._captured)
        prepared = self._prepared([item for _, item in traces if item is not None])
        explained = self._items(due["explanation"], self._explained)
        paths = self._items(due["path"], self._path)
        profiled = self._items(due["profile"], self._profile)
        return [
            Batch("traces", traces, TRACE_UNREADABLE, tracker.deliver_traces, prepared),
            Batch("explanations", explained, CALL_REMOVED, tracker.deliver_explanations),
            Batch("paths", paths, TRACE_UNREADABLE, tracker.deliver_paths),
            Batch("profiles", profiled, CALL_REMOVED, tracker.deliver_profiles),
        ]

    def _prepared(self, items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]] | None:
        try:
            return self._tracker.prepare_traces(items)
        except Exception:  # noqa: BLE001 - of one of them, which the delivery of each will log
            return None

    def _others(self, due: Sequence[Delivery]) -> list[Batch]:
        deliver = self._tracker.deliver_unexplained
        found = self._items(due, self._unexplained)
        return [Batch("unexplained", found, EXPLAINED_SINCE, deliver)]

    def _items(
        self, due: Sequence[Delivery], make: Callable[[Trace, Delivery], Item | None]
    ) -> list[tuple[Delivery, Item | None]]:
        """Each delivery with an item made of its trace."""
        ids = list(dict.fromkeys(delivery.trace_id for delivery in due))
        traces = {trace.trace_id: trace for trace in self._store.trace_many(ids)} if ids else {}
        return [
            (delivery, make(trace, delivery) if (trace := traces.get(delivery.trace_id)) else None)
            for delivery in due
        ]

    def _captured(self, trace: Trace, delivery: Delivery) -> CapturedTrace:
        return CapturedTrace(trace=trace, wait_for_external=self._waits_for_external(trace))

    def _explained(self, trace: Trace, delivery: Delivery) -> ExplainedCall | None:
        explanation = self._store.explanation(delivery.item)
        call = _call(trace, delivery)
        traced_as = delivery.traced_as if self._takes_traces else ""
        if call is None or explanation is None or traced_as is None:
            return None
        return ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=traced_as)

    def _path(self, trace: Trace, delivery: Delivery) -> ExplainedPath | None:
        path = self._store.paths.get(delivery.item)
        if path is None or delivery.traced_as is None:
            return None
        return ExplainedPath(trace=trace, path=path, traced_as=delivery.traced_as)

    def _profile(self, trace: Trace, delivery: Delivery) -> ProfiledCall | None:
        profile = self._store.profiles.get(delivery.item)
        call = _call(trace, delivery)
        if profile is None or call is None or delivery.traced_as is None:
            return None
        return ProfiledCall(trace=trace, call=call, profile=profile, traced_as=delivery.traced_as)

    def _unexplained(self, trace: Trace, delivery: Delivery) -> UnexplainedCall | None:
        job = self._store.jobs.unexplained(delivery.item)
        call = _call(trace, delivery)
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
        if not self._tracker.capabilities.external_traces:
            return False
        captured = max(span.end_ns for span in trace.spans) / 1e9
        return self._clock() - captured < self._external_seconds


def _call(trace: Trace, delivery: Delivery) -> Call | None:
    """The call of a delivery; None if it is not in its trace any more."""
    return next((call for call in trace.calls if call.id == delivery.item), None)


def wanted(capabilities: Capabilities) -> Wanted:
    """The items to queue for a tracker with these capabilities."""
    return Wanted(**{name: getattr(capabilities, name) for name in Wanted.model_fields})
