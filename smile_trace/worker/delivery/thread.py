"""A thread per tracker, so that none holds up another."""

import logging
import threading
from collections.abc import Callable

from smile_trace._text.log_context import about
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.trackers import TrackerUnavailable
from smile_trace.worker.delivery.delivery_worker import DeliveryWorker
from smile_trace.worker.delivery.per_prompt import Comparisons, Reports
from smile_trace.worker.store_retry import StoreRetry

logger = logging.getLogger(__name__)

MAX_LAST_WAIT = 5.0
"""Seconds that a drained thread still waits for a delivery that did not arrive at first."""


class DeliveryThread(threading.Thread):
    """Delivers to one tracker until everything is delivered, or it is told to stop.

    Args:
        delivery_worker: delivers traces and explanations.
        store: the store, for comparisons and reports.
        settings: the settings.
        store_retry: logs what cannot be written.
        leads: whether this worker does a task that one of all workers does; here, deliver to that
            tracker.
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
        self._comparisons = Comparisons(delivery_worker.tracker, store, settings)
        self._reports = Reports(delivery_worker.tracker, store, settings)
        self._poll_seconds = settings.worker.poll_seconds
        self._store_retry = store_retry
        self._leads = leads
        self._drained = drained
        self._stopping = stopping

    def run(self) -> None:
        """Deliver what is due, again and again."""
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
                logger.exception("delivery to %s failed; it goes on", tracker)
            if self._stopping.is_set():
                return
            if not drained:
                self._drained.wait(self._poll_seconds)
            elif wait is None or wait > MAX_LAST_WAIT:
                return
            else:
                self._stopping.wait(wait)

    def _deliver_due(self, *, at_once: bool) -> float | None:
        """Deliver what is due; at the end the seconds until the next try, None where nothing waits.

        Args:
            at_once: nothing more will come.
        """
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
