"""The worker: ingest, sample, explain, deliver, until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable

from smile_trace.models.registry import UNMAPPED
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.housekeeping import DAY, keep_house
from smile_trace.store.status import Status
from smile_trace.trackers import Tracker, discover
from smile_trace.worker.alone import WorkerError, alone
from smile_trace.worker.comparisons import Comparisons
from smile_trace.worker.deliver import Courier
from smile_trace.worker.engine import Engine
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.metrics import serving_metrics
from smile_trace.worker.sample import sample

logger = logging.getLogger(__name__)

Progress = Callable[[Status], None]
"""Told now and then how things stand."""

TICK = 0.2
"""Seconds between two looks at running explanations."""
TIDY_SECONDS = 60.0
"""Seconds between two rounds of tidying up."""
LAST_WAIT = 5.0
"""Seconds that `once` still waits for a delivery that did not arrive at first."""
STOP_SECONDS = 6.0
"""How long a stop waits for rounds in flight before it cuts them off."""


def run(
    settings: Settings,
    *,
    once: bool = False,
    app: str | None = None,
    trackers: list[Tracker] | None = None,
    progress: Progress | None = None,
    stopping: threading.Event | None = None,
) -> Status:
    """Run the worker on `settings.home`.

    Args:
        settings: the settings.
        once: ingest, explain and deliver what is there, then return.
        app: the module with the decorated functions, for models of `kind = "rerun"`.
        trackers: instead of those that the settings and the environment ask for.
        progress: told how things stand whenever something may have changed.
        stopping: set it to make the worker stop: rounds in flight end or are cut off, and
            a later worker goes on with them.

    Returns:
        How things stand at the end.

    Raises:
        WorkerError: another worker runs on this home, or a tracker's options are wrong.
        StoreError: the store cannot be opened or written.
    """
    stopping = stopping or threading.Event()
    store = Store.open(settings)
    try:
        with alone(settings.home) as alive, serving_metrics(store, settings.worker.metrics_port):
            worker = _Worker(store, settings, app, _active(settings, trackers), stopping, alive)
            worker.run(once=once, progress=progress)
            return store.status()
    finally:
        store.close()


class _Worker:
    def __init__(
        self,
        store: Store,
        settings: Settings,
        app: str | None,
        trackers: list[Tracker],
        stopping: threading.Event,
        alive: Callable[[], None],
    ) -> None:
        self._alive = alive
        self._store = store
        self._settings = settings
        self._stopping = stopping
        self._ingest = Ingest(store, settings)
        self._engine = Engine(store, settings, app)
        self._couriers = [Courier(tracker, store, settings) for tracker in trackers]
        self._drained = threading.Event()  # nothing more will be captured or explained

    def run(self, *, once: bool, progress: Progress | None) -> None:
        # The settings may map by now what they did not when these calls were looked at, and a
        # tracker may have been put right: whoever starts a worker wants to see it tried.
        self._store.jobs.forget_skipped(UNMAPPED)
        for courier in self._couriers:
            self._store.outbox.wake(courier.name)
        self._engine.start(time.time())
        # Each tracker in a thread of its own, so that none holds up another.
        threads = [
            threading.Thread(target=self._deliver, args=(courier,), daemon=True)
            for courier in self._couriers
        ]
        for thread in threads:
            thread.start()
        try:
            self._work(once, progress)
        finally:
            self._drained.set()
            self._engine.stop(STOP_SECONDS)
        for thread in threads:
            while thread.is_alive():
                thread.join(TICK)
                if progress is not None:
                    progress(self._store.status())
                if self._stopping.wait(0):
                    thread.join(STOP_SECONDS / 2)
                    break
        for courier in self._couriers:
            courier.tracker.close()

    def _work(self, once: bool, progress: Progress | None) -> None:
        looked_at = tidied_at = time.monotonic() - 1e9
        housed_at = time.monotonic() - 1e9
        while not self._stopping.is_set():
            idle = not self._dispatch()
            due = time.monotonic() - looked_at >= self._settings.worker.poll_seconds
            if due or (once and idle):
                looked_at = time.monotonic()
                self._alive()
                ingested = self._ingest.run()
                if ingested.spans:
                    logger.info("read %d spans, %d traces", ingested.spans, ingested.traces)
                idle = not sample(self._store, self._settings) and idle
                if progress is not None:
                    progress(self._store.status())
                if once and idle and not self._engine.active and not self._dispatch():
                    return
            if time.monotonic() - tidied_at >= TIDY_SECONDS:
                tidied_at = time.monotonic()
                self._engine.forget_ended()
            if time.monotonic() - housed_at >= DAY:
                housed_at = time.monotonic()
                self._keep_house()
            self._stopping.wait(TICK)

    def _keep_house(self) -> None:
        def stopping() -> bool:
            self._alive()
            return self._stopping.is_set()

        try:
            removed = keep_house(self._store.database, self._settings.retention, stopping=stopping)
        except StoreError as error:
            logger.warning("nothing more is removed for now: %s", error)
            return
        if removed.traces or removed.responses:
            logger.info("removed %d old traces, %d old answers", removed.traces, removed.responses)
        if removed.too_big:
            logger.warning("the store is larger than retention.megabytes, and all of it waits")

    def _dispatch(self) -> int:
        """Start as many jobs as there is room for; gives how many are under way."""
        now = time.time()
        paused = self._store.pauses.all().values()
        closed = {pause.name for pause in paused if pause.not_before > now}
        probed = {pause.name for pause in paused} - closed
        closed |= self._store.ledger.used_up()
        while len(active := self._engine.active) < self._settings.worker.concurrent_explanations:
            if not self._store.ledger.room_for(len(active) + 1):
                break
            due = self._store.jobs.due(now=now, limit=1, without=closed)
            if not due:
                break
            [job] = due
            self._engine.submit(job, now)
            if job.model in probed:  # one call tries a paused model, the others wait for it
                closed.add(job.model)
        return len(self._engine.active)

    def _deliver(self, courier: Courier) -> None:
        comparisons = Comparisons(courier.tracker, self._store, self._settings)
        while True:
            drained = self._drained.is_set()
            try:
                done = courier.run(self._stopping.is_set)
                if done.traces or done.explanations:
                    counts = done.traces, done.explanations
                    logger.info("%s got %d traces, %d explanations", courier.name, *counts)
                comparisons.run(at_once=drained)
                wait = courier.wait()
            except Exception:
                logger.exception("delivery to %s stumbled; it goes on", courier.name)
                wait = None
            if self._stopping.is_set():
                return
            if not drained:
                self._drained.wait(self._settings.worker.poll_seconds)
            elif wait is None or wait > LAST_WAIT:
                return
            else:
                self._stopping.wait(wait)


def _active(settings: Settings, trackers: list[Tracker] | None) -> list[Tracker]:
    try:
        return discover(settings.trackers) if trackers is None else trackers
    except ValueError as error:
        raise WorkerError(str(error)) from None
