"""The worker: ingest, sample, explain, deliver, until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext

from smile_trace.errors import ReasonCode
from smile_trace.explaining.named_models import settings_of
from smile_trace.models.registry import NoModel
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.pauses import Pause
from smile_trace.store.retention import DAY, apply_retention
from smile_trace.store.status import Status
from smile_trace.trackers import Tracker, TrackerUnavailable, discover
from smile_trace.worker.comparisons import Comparisons
from smile_trace.worker.delivery import DeliveryWorker
from smile_trace.worker.engine import Engine
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import WorkerError, alone
from smile_trace.worker.metrics import serving_metrics
from smile_trace.worker.sample import sample
from smile_trace.worker.store_retry import StoreRetry

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
    clock: Callable[[], float] = time.time,
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
        clock: Unix seconds; a test turns it.

    Returns:
        How things stand at the end.

    Raises:
        WorkerError: another worker runs on this home, or a tracker's options are wrong.
        StoreError: the store cannot be opened or written. Once the worker runs it waits until
            its disk can be written again, unless it runs `once`.
    """
    stopping = stopping or threading.Event()
    store = Store.open(settings, clock)
    try:
        with alone(settings.home) as alive, serving_metrics(store, settings.worker.metrics_port):
            active = _active(settings, trackers)
            worker = _Worker(store, settings, app, active, stopping, alive, clock)
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
        clock: Callable[[], float],
    ) -> None:
        self._alive = alive
        self._store = store
        self._settings = settings
        self._stopping = stopping
        self._clock = clock
        self._patience = StoreRetry()
        self._ingest = Ingest(store, settings, clock)
        self._engine = Engine(store, settings, app, self._patience, clock)
        self._couriers = [
            DeliveryWorker(t, store, settings, clock, self._patience) for t in trackers
        ]
        self._drained = threading.Event()  # nothing more will be captured or explained
        self._look = _Every(settings.worker.poll_seconds)
        self._tidy = _Every(TIDY_SECONDS)
        self._house = _Every(DAY)

    def run(self, *, once: bool, progress: Progress | None) -> None:
        self._introduce()
        # The settings may map by now what they did not when these calls were looked at, and a
        # model or tracker may have been put right: whoever starts a worker wants it tried.
        self._store.jobs.forget_skipped(ReasonCode.NO_MODEL)
        self._store.pauses.wake()
        for delivery_worker in self._couriers:
            self._store.outbox.wake(delivery_worker.name)
        self._engine.start()
        # Each tracker in a thread of its own, so that none holds up another.
        threads = [
            threading.Thread(target=self._deliver, args=(delivery_worker,), daemon=True)
            for delivery_worker in self._couriers
        ]
        for thread in threads:
            thread.start()
        try:
            self._work(once, progress)
        except BaseException:
            self._stopping.set()
            raise
        finally:
            self._drained.set()
            self._engine.stop(STOP_SECONDS)
            self._join(threads, progress)

    def _introduce(self) -> None:
        """Say in the log what this worker serves, and what an earlier one had to wait for."""
        models, trackers = (
            self._settings.models,
            [delivery_worker.name for delivery_worker in self._couriers],
        )
        logger.info(
            "the worker starts on %s; models: %s; trackers: %s",
            self._settings.home,
            ", ".join(models) or "none",
            ", ".join(trackers) or "none",
        )
        for pause in filter(self._has_model, self._store.pauses.all().values()):
            logger.warning("%s is still paused, and tried now: %s", pause.name, pause.reason)
        for state in map(self._store.outbox.state, trackers):
            if state.reason is not None and self._store.outbox.next_due(state.name) is not None:
                logger.warning("%s took nothing before, tried now: %s", state.name, state.reason)

    def _has_model(self, pause: Pause) -> bool:
        try:
            settings_of(pause.name, self._settings)
        except NoModel:
            return False
        return True

    def _join(self, threads: list[threading.Thread], progress: Progress | None) -> None:
        for thread in threads:
            while thread.is_alive():
                thread.join(TICK)
                self._alive()
                self._show(progress)
                if self._stopping.wait(0):
                    thread.join(STOP_SECONDS / 2)
                    break
        for delivery_worker in self._couriers:
            delivery_worker.tracker.close()

    def _work(self, once: bool, progress: Progress | None) -> None:
        while not self._stopping.is_set():
            # Whoever waits for an end wants to hear of a full disk; a service waits it out.
            with nullcontext() if once else self._patience.trying("the worker"):
                if self._pass(once, progress):
                    return
            self._stopping.wait(TICK)

    def _pass(self, once: bool, progress: Progress | None) -> bool:
        """Do what is due; True where `once` and nothing is left to do."""
        self._alive()
        idle = not self._dispatch()
        if self._look.due or (once and idle):
            self._look.begin()
            ingested = self._ingest.run(self._interrupted)
            if ingested.spans:
                logger.info("read %d spans, %d traces", ingested.spans, ingested.traces)
            idle = not sample(self._store, self._settings, self._clock) and idle
            self._show(progress)
            if once and idle and not self._engine.active and not self._dispatch():
                return True
        if self._tidy.due:
            self._tidy.begin()
            self._store.end_long_waits(self._clock())
            self._engine.forget_ended()
        if self._house.due:
            self._apply_retention()
            self._house.begin()
        return False

    def _interrupted(self) -> bool:
        """Whether what takes long should end here; a sign of life each time."""
        self._alive()
        return self._stopping.is_set()

    def _show(self, progress: Progress | None) -> None:
        if progress is not None:
            progress(self._store.status())

    def _apply_retention(self) -> None:
        removed = apply_retention(
            self._store.database,
            self._settings.retention,
            clock=self._clock,
            stopping=self._interrupted,
        )
        if removed.traces or removed.responses:
            logger.info("removed %d old traces, %d old answers", removed.traces, removed.responses)
        if removed.too_big:
            logger.warning("the store is larger than retention.megabytes, and all of it waits")

    def _dispatch(self) -> int:
        """Start as many jobs as there is room for; gives how many are under way."""
        now, ledger = self._clock(), self._store.ledger
        paused = self._store.pauses.all().values()
        closed = {pause.name for pause in paused if pause.not_before > now}
        probed = {pause.name for pause in paused} - closed
        closed |= ledger.used_up()
        vectors = self._settings.explain.embeddings  # every explanation needs them
        most = self._settings.worker.concurrent_explanations
        if vectors in probed:  # one call tries a paused model, the others wait for it
            most = 1
        while len(active := self._engine.active) < most and vectors not in closed:
            if not ledger.room_for(len(active) + 1):
                break
            due = self._store.jobs.due(now=now, limit=1, without=closed)
            if not due:
                break
            [job] = due
            beside = sum(model == job.model for model in active.values())
            if (job.model in probed and beside) or not ledger.room_for(beside + 1, job.model):
                closed.add(job.model or "")
            else:
                self._engine.submit(job)
        return len(self._engine.active)

    def _deliver(self, delivery_worker: DeliveryWorker) -> None:
        comparisons = Comparisons(delivery_worker.tracker, self._store, self._settings)
        while True:
            drained = self._drained.is_set()
            wait = None
            try:
                with self._patience.trying(f"delivery to {delivery_worker.name}"):
                    wait = self._bring(delivery_worker, comparisons, at_once=drained)
            except StoreError as error:
                logger.error("nothing more is delivered to %s: %s", delivery_worker.name, error)
                return
            except Exception:
                logger.exception("delivery to %s stumbled; it goes on", delivery_worker.name)
            if self._stopping.is_set():
                return
            if not drained:
                self._drained.wait(self._settings.worker.poll_seconds)
            elif wait is None or wait > LAST_WAIT:
                return
            else:
                self._stopping.wait(wait)

    def _bring(
        self, delivery_worker: DeliveryWorker, comparisons: Comparisons, *, at_once: bool
    ) -> float | None:
        """Deliver what is due; gives the seconds until something may be tried again."""
        done = delivery_worker.run(self._stopping.is_set)
        if done.traces or done.explanations:
            counts = done.traces, done.explanations
            logger.info("%s got %d traces, %d explanations", delivery_worker.name, *counts)
        if done.unavailable is None:
            try:
                if comparisons.run(at_once=at_once):
                    delivery_worker.resume()
            except TrackerUnavailable as error:
                delivery_worker.pause(error)
        return delivery_worker.wait()


class _Every:
    """Says when something is due again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    def begin(self) -> None:
        """It is done now, and again after that time."""
        self._next = time.monotonic() + self._seconds


def _active(settings: Settings, trackers: list[Tracker] | None) -> list[Tracker]:
    try:
        return discover(settings.trackers) if trackers is None else trackers
    except ValueError as error:
        raise WorkerError(str(error)) from None
