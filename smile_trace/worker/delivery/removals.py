"""Deletes a tracker's copies of forgotten traces."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smile_trace._guards.presentable import presentable
from smile_trace._text.log_context import about
from smile_trace.store import Store
from smile_trace.store.forgetting import Removal
from smile_trace.trackers import Outcome, Receipt, Rejected, Skipped, Tracker, TrackerUnavailable

logger = logging.getLogger(__name__)

BATCH = 20
"""Traces that a tracker is told at once."""
WAIT = 60.0
"""Seconds until a failed deletion is tried again."""


@dataclass
class Removals:
    """Deletes the copies that wait for it on one tracker."""

    tracker: Tracker
    store: Store
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._tried: dict[str, float] = {}  # when, by trace

    def waiting(self) -> list[Removal]:
        """The copies to be deleted, without those tried a moment ago."""
        now = self.clock()
        self._tried = {i: at for i, at in self._tried.items() if now - WAIT < at <= now}
        return [
            one
            for one in self.store.forgetting.removals(tracker=self.tracker.name)
            if one.trace.trace_id not in self._tried
        ]

    def delete(self, waiting: Sequence[Removal]) -> int:
        """Delete these; returns how many copies are gone. Raises TrackerUnavailable if the rest has
        to wait."""
        batches = (waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH))
        return sum(self._delete(batch) for batch in batches)

    def _delete(self, batch: Sequence[Removal]) -> int:
        try:
            outcomes = self._ask(batch)
        except TrackerUnavailable as error:
            for one in batch:
                self.store.forgetting.not_removed(one, presentable(error), by_hand=False)
            raise
        gone = 0
        for one, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Receipt | Skipped):
                self.store.forgetting.removed(one)
                gone += 1
                continue
            by_hand = isinstance(outcome, Rejected) and not outcome.retry
            said = presentable(outcome.reason)
            with about(trace_id=one.trace.trace_id):
                logger.warning("%s still has %s: %s", self.tracker.name, one.trace.trace_id, said)
            self.store.forgetting.not_removed(one, said, by_hand=by_hand)
            self._tried[one.trace.trace_id] = self.clock()
        return gone

    def _ask(self, batch: Sequence[Removal]) -> list[Outcome]:
        name = self.tracker.name
        if not self.tracker.capabilities.forgets:
            said = f"the tracker {name} cannot delete: delete it there by hand"
            return [Rejected(reason=said, retry=False) for _ in batch]
        try:
            outcomes = self.tracker.forget([one.trace for one in batch])
            if len(outcomes) != len(batch):
                raise ValueError(f"{len(outcomes)} outcomes for {len(batch)} traces")
        except TrackerUnavailable:
            raise
        except Exception as error:
            logger.warning("%s: deleting failed", name, exc_info=error)
            said = f"deleting failed: {type(error).__name__}: {error}"
            return [Rejected(reason=said) for _ in batch]
        return outcomes
