"""The worker's loop: ingest, sample, explain, deliver, until it is told to stop. The package's
docstring says how these steps meet."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from smile_trace.errors import ReasonCode, needing_extra
from smile_trace.models.registry import NoModel, settings_of
from smile_trace.settings import Settings
from smile_trace.sources.protocol import pulled
from smile_trace.store import Store
from smile_trace.store.explanations import note_groups
from smile_trace.store.model_states import Pause
from smile_trace.store.queries.status import Status
from smile_trace.store.retention import apply_retention
from smile_trace.store.workers import ROLES, Role
from smile_trace.trackers import Tracker, discover
from smile_trace.worker.delivery.delivery_worker import DeliveryThread, DeliveryWorker
from smile_trace.worker.explaining.engine import Engine
from smile_trace.worker.explaining.engine_database import EngineDatabase
from smile_trace.worker.explaining.engine_queues import JobQueues
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.fleet import Fleet, joining
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.lock import WorkerError, worker_lock
from smile_trace.worker.metrics import serving_metrics
from smile_trace.worker.pull import Pull
from smile_trace.worker.sample import sample
from smile_trace.worker.store_retry import Repeating, StoreRetry
from smile_trace.worker.telemetry import traced, tracing

if TYPE_CHECKING:
    from smile_trace.worker.drift import DriftMonitor

logger = logging.getLogger(__name__)

Progress = Callable[[Status], None]
"""Called with the status whenever something may have changed."""

SWITCH_SECONDS = 0.0005
"""How long a thread that has an answer, or a request to send, waits for the one that computes."""
TICK = 0.2
"""Seconds between two looks at running explanations."""
SHARED_TICK = 0.5
"""The same for many workers that look into one database."""
MAINTENANCE_SECONDS = 60.0
"""Seconds between two rounds of maintenance: long waits, ended runs of the engine."""
RETENTION_SECONDS = 600.0
"""How long a store may grow beyond its size. What comes in a second is removed in a fifth of one,
and nothing is read meanwhile."""
STOP_SECONDS = 6.0
"""How long a stop waits for rounds in flight before it cuts them off."""


def run(
    settings: Settings,
    *,
    once: bool = False,
    app: str | None = None,
    roles: Collection[Role] = ROLES,
    models: Collection[str] | None = None,
    trackers: list[Tracker] | None = None,
    progress: Progress | None = None,
    stopping: threading.Event | None = None,
    clock: Callable[[], float] | None = None,
) -> Status:
    """Run the worker on `settings.home`, alone or beside others on a shared store; returns the
    final status.

    Args:
        once: ingest, explain and deliver what is there, then return.
        app: the module with the decorated functions, for models of `kind = "rerun"`.
        roles: its tasks, if others share its store and do the rest.
        models: tables of `[models]` whose calls it explains, while others do the rest.
        trackers: instead of those that the settings and the environment ask for.
        stopping: stops the worker when set: rounds in flight end or are cut off, and a later worker
            goes on with them.
        clock: Unix seconds; by default the store's.

    Raises:
        WorkerError: another worker runs on this home, a tracker's options are wrong, or it should
            do a part of the work on a store that nobody shares.
        TakenOver: the other workers of a shared store took this one for dead.
        SmileTraceError: nothing can be received on `receive.port`, or there is no exporter for
            `worker.otlp_endpoint`, or the settings' file names a host that is not allowed yet; the
            message says why.
        StoreError: the store cannot be opened or written. Once it runs, the worker waits until its
            disk can be written again, unless it runs `once`.
    """
    stopping = stopping or threading.Event()
    settings.check_trust()
    _check_part(settings, roles, models)
    with (
        switching_soon(),
        Store.open(settings, clock) as store,
        worker_lock(settings.home) as heartbeat,
        serving_metrics(store, settings),
        _receiving(settings) if "ingest" in roles else nullcontext(),
        tracing(settings),
        joining(store, settings, roles, models) as (fleet, engine),
    ):
        active = _active(settings, trackers, app) if "deliver" in roles else []
        worker = _Worker(
            store, settings, app, roles, models, active, stopping, heartbeat, fleet, engine
        )
        worker.run(once=once, progress=progress)
        return store.status()


@dataclass
class _Worker:
    store: Store
    settings: Settings
    app: str | None
    roles: Collection[Role]
    models: Collection[str] | None
    trackers: list[Tracker]
    stopping: threading.Event
    heartbeat: Callable[[], None]
    fleet: Fleet
    engine_database: EngineDatabase

    def __post_init__(self) -> None:
        store, settings, clock = self.store, self.settings, self.store.clock
        stopping, fleet, database = self.stopping, self.fleet, self.engine_database
        self._tick = TICK if fleet.worker_id is None else SHARED_TICK
        self._store_retry = StoreRetry()
        self._ingest = Ingest(store, settings, clock)
        self._engine = Engine(store, settings, database, fleet, self.app, self._store_retry, clock)
        self._queues = JobQueues(store, settings, database, fleet, clock)
        self._drift = self._drift_monitor() if settings.drift.prompts else None
        sources = pulled(settings) if "ingest" in self.roles else ()
        self._pulls = [Pull(source, store, settings, clock, stopping.wait) for source in sources]
        self._pulling: list[Repeating] = []
        self._drained = threading.Event()  # nothing more will be captured or explained
        self._deliveries = [
            DeliveryThread(
                DeliveryWorker(tracker, store, settings, clock, self._store_retry),
                store,
                settings,
                self._store_retry,
                fleet.leads,
                self._drained,
                stopping,
            )
            for tracker in self.trackers
        ]
        self._poll = _Interval(settings.worker.poll_seconds)
        self._queueing = _Interval(self._tick)
        self._maintenance = _Interval(MAINTENANCE_SECONDS)
        self._retention = _Interval(RETENTION_SECONDS)

    def _drift_monitor(self) -> "DriftMonitor":
        from smile_trace.worker.drift import DriftMonitor  # it brings the arithmetic

        store, settings, clock = self.store, self.settings, self.store.clock
        models = partial(Models, store, settings, self.fleet, self.app, self._store_retry, clock)
        return DriftMonitor(store, settings, models, self.stopping, clock)

    def run(self, *, once: bool, progress: Progress | None) -> None:
        self._log_start()
        # The settings may map by now what they did not when these calls were looked at, and a
        # model, tracker or cap may have been put right: a start tries everything at once.
        if "explain" in self.roles:
            self.store.sampling.forget_skipped(ReasonCode.NO_MODEL)
            self.store.pauses.wake()
            self.store.jobs.wake()
        names = [thread.delivery_worker.name for thread in self._deliveries]
        for name in self.store.outbox.add(names):
            logger.info(
                "%s is new, and gets what is captured from now on; for what was captured "
                "before, run smile-trace deliver --to %s --since 7d",
                name,
                name,
            )
        for name in names:
            self.store.outbox.wake(name)
        if "explain" in self.roles:
            self._engine.start()
        for thread in self._deliveries:
            thread.start()
        for pull in self._pulls:
            name = pull.source.name
            reading = Repeating(
                partial(pull.run, self.stopping.is_set),
                doing=f"reading {name}",
                done=f"read from {name}",
                task=f"reading {name}",
                seconds=self.settings.worker.pull_seconds,
                store_retry=self._store_retry,
                leads=self.fleet.leads,
                stopping=self.stopping,
                once=once,
                source=name,
            )
            self._pulling.append(reading)
            reading.start()
        replaying = self._replaying(once=once)
        if not once:
            replaying.start()
        try:
            self._work(once, progress)
            if once:  # what there was is explained, and can be replayed
                replaying.start()
                self._join(replaying)
        except BaseException:
            self.stopping.set()
            raise
        finally:
            self._drained.set()
            if "explain" in self.roles:
                self._engine.stop(STOP_SECONDS)
            if replaying.is_alive():  # at most one request is replayed
                replaying.join(STOP_SECONDS / 2)
            self._join_deliveries(progress)

    def _log_start(self) -> None:
        """Log what this worker serves, and what an earlier one had to wait for."""
        trackers = [thread.delivery_worker.name for thread in self._deliveries]
        roles = [role for role in ROLES if role in self.roles]
        logger.info(
            "the worker starts on %s; models: %s; trackers: %s%s",
            self.settings.home,
            ", ".join(self.models or self.settings.models) or "none",
            ", ".join(trackers) or "none",
            "" if len(roles) == len(ROLES) else f"; roles: {', '.join(roles)}",
        )
        for pause in filter(self._has_model, self.store.pauses.all().values()):
            logger.warning("%s is still paused, and tried now: %s", pause.name, pause.reason)
        for state in map(self.store.outbox.state, trackers):
            if state.reason is not None and self.store.outbox.next_due(state.name) is not None:
                logger.warning(
                    "%s was not accepting data before, trying again: %s", state.name, state.reason
                )

    def _has_model(self, pause: Pause) -> bool:
        try:
            settings_of(pause.name, self.settings)
        except NoModel:
            return False
        return True

    def _replaying(self, *, once: bool) -> threading.Thread:
        """The thread that replays prompts; it ends at once if there are none."""
        if not self.settings.drift.prompts or "explain" not in self.roles:
            return threading.Thread(daemon=True)
        from smile_trace.worker.drift import LOOK_SECONDS

        assert self._drift is not None
        return Repeating(
            self._drift.look,
            doing="replaying",
            done="replayed",
            task="drift",
            seconds=LOOK_SECONDS,
            store_retry=self._store_retry,
            leads=self.fleet.leads,
            stopping=self.stopping,
            once=once,
        )

    def _join(self, thread: threading.Thread) -> None:
        while thread.is_alive() and not self.stopping.is_set():
            thread.join(self._tick)
            self.heartbeat()

    def _join_deliveries(self, progress: Progress | None) -> None:
        for thread in self._deliveries:
            while thread.is_alive():
                thread.join(TICK)
                self.heartbeat()
                self._show(progress)
                if self.stopping.wait(0):
                    thread.join(STOP_SECONDS / 2)
                    break
        for thread in self._deliveries:
            thread.delivery_worker.tracker.close()
        for reading in self._pulling:  # at most one request is under way
            reading.join(STOP_SECONDS / 2)

    def _work(self, once: bool, progress: Progress | None) -> None:
        while not self.stopping.is_set():
            # Whoever waits for an end wants to hear of a full disk; a service waits it out.
            with nullcontext() if once else self._store_retry.trying("the worker"):
                if self._pass(once, progress):
                    return
            self.stopping.wait(self._tick)

    def _pass(self, once: bool, progress: Progress | None) -> bool:
        """Do what is due; True if `once` and nothing is left to do."""
        self.heartbeat()
        self.fleet.check()
        idle = not self._explain(once)
        if self._poll.due or (once and idle):
            self._poll.restart()
            reading = any(thread.is_alive() for thread in self._pulling)  # asked before it is read
            self._read()
            if "explain" in self.roles and self.fleet.leads("sampling"):
                new = sample(self.store, self.settings, self.store.clock, self._meanwhile)
                idle = not new and idle
            self._show(progress)
            ended = once and idle and not reading and not self.fleet.expects()
            if ended and not self._explain(once):
                return True
        if self._maintenance.due and "explain" in self.roles:
            self._maintenance.restart()
            if self.fleet.leads("maintenance"):
                self._maintain()
            self.engine_database.delete_ended()
        return False

    def _explain(self, once: bool) -> bool:
        """Queue what is due; with `once`, whether explanations are under way here, or about to
        be."""
        if "explain" not in self.roles:
            return False
        self._engine.cancel_forgotten()
        self._queues.run()
        return once and self._engine.is_busy

    def _read(self) -> None:
        if "ingest" not in self.roles:
            return
        ingested = self._ingest.run(self._meanwhile)
        if ingested.spans:
            logger.info("read %d spans, %d traces", ingested.spans, ingested.traces)

    def _maintain(self) -> None:
        """Do now and then what one worker does for all."""
        self.store.end_long_waits(self.store.clock())
        self._queues.run(always=True)
        if self._retention.due:
            self._apply_retention()
            note_groups(self.store.database, stopping=self._interrupted)
            self._retention.restart()

    def _interrupted(self) -> bool:
        """Whether long work should end here; gives a heartbeat each time."""
        self.heartbeat()
        return self.stopping.is_set()

    def _meanwhile(self) -> bool:
        """`_interrupted`, where so much may have come that calls would wait to be explained."""
        if self._queueing.due:
            self._queueing.restart()
            self._explain(once=False)
        return self._interrupted()

    def _show(self, progress: Progress | None) -> None:
        if progress is not None:
            progress(self.store.status())

    def _apply_retention(self) -> None:
        with traced("retention"):
            removed = apply_retention(
                self.store.database,
                self.settings.retention,
                clock=self.store.clock,
                stopping=self._meanwhile,
            )
        if removed.traces or removed.responses:
            logger.info("removed %d old traces, %d old answers", removed.traces, removed.responses)
        if removed.too_big:
            logger.warning(
                "the store is larger than retention.megabytes, and everything in it is waiting"
            )


class _Interval:
    """Says when something is due again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    def restart(self) -> None:
        """Make it due again after the interval."""
        self._next = time.monotonic() + self._seconds


@contextmanager
def _receiving(settings: Settings) -> Iterator[None]:
    """Receive OTLP inside the context, if the settings name a port."""
    if settings.receive.port is None:
        yield
        return
    with needing_extra("receive", "receive.port"):
        from smile_trace.sources.receiver.serve import receiving
    with receiving(settings):
        yield


def _check_part(
    settings: Settings, roles: Collection[Role], models: Collection[str] | None
) -> None:
    """Raise WorkerError if no other worker can do the rest, or a model has no table in the
    settings."""
    if settings.store.url is None and (set(roles) != set(ROLES) or models is not None):
        raise WorkerError(
            "--roles and --pools share work among many workers on one database: set [store] url."
        )
    if unknown := sorted(set(models or ()) - set(settings.models)):
        raise WorkerError(
            f"there is no table [models.{unknown[0]}]: --pools names tables of [models]."
        )


@contextmanager
def switching_soon() -> Iterator[None]:
    """Let threads take turns every SWITCH_SECONDS: by default, one that encodes what is sent next
    keeps the request before it waiting ten times as long, several times."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _active(settings: Settings, trackers: list[Tracker] | None, app: str | None) -> list[Tracker]:
    if app is not None:  # it may use MLflow with pandas, without which its client is loaded below
        with suppress(ImportError):
            import_module("pandas")
    try:
        return discover(settings.trackers) if trackers is None else trackers
    except ValueError as error:
        raise WorkerError(str(error)) from None
