"""DBOS runs the explanations: a workflow per run of a job, a step per round.

The store is the truth. The engine executes the jobs in this worker's queue (see `engine_queues`),
and whoever goes on with a run finds its finished rounds.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dbos import DBOS, error

from smile_trace._text.log_context import about
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.jobs import Job
from smile_trace.worker.explaining.engine_database import STEP, WORKFLOW, EngineDatabase, run_id
from smile_trace.worker.explaining.job_models import Models
from smile_trace.worker.fleet import Fleet
from smile_trace.worker.store_retry import StoreRetry

if TYPE_CHECKING:
    from smile_trace.worker.explaining.explain import Explainer, StoredRound

logger = logging.getLogger(__name__)

POLL_SECONDS, SHARED_POLL_SECONDS = 0.2, 0.5
"""Seconds between two looks into the queue: of a file, of a database of many workers."""

_running: "Engine | None" = None  # DBOS is one per process; its workflows are functions


@DBOS.workflow(name=WORKFLOW)
async def _explain(job_id: int) -> str:
    assert _running is not None
    assert DBOS.workflow_id is not None
    await _running.explain(job_id, DBOS.workflow_id)
    return "done"


class Engine:
    """Runs the jobs of this worker's queue. One per process.

    Args:
        store: the store, which is open.
        app: the module with the decorated functions, for models of `kind = "rerun"`.
        store_retry: retries writes that fail for now.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        database: EngineDatabase,
        fleet: Fleet,
        app: str | None,
        store_retry: StoreRetry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._database = database
        self._fleet = fleet
        self._store_retry = store_retry
        self._clock = clock
        self._models = Models(store, settings, fleet, app, store_retry, clock)
        self._settings = settings
        self._explainer: Explainer | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def _with_arithmetic(self) -> "Explainer":
        """The explainer, made for the first job: its libraries take a third of a worker's memory,
        and a second to load."""
        from smile_trace.worker.explaining.explain import Explainer

        with self._lock:
            if self._explainer is None:
                self._explainer = Explainer(
                    self._store, self._models, self._settings, self._store_retry, self._clock
                )
                if self._stopping:
                    self._explainer.stop()
            return self._explainer

    def start(self) -> None:
        """Start the engine, which looks into the queue from then on. Raises StoreError if its
        database or the store cannot be opened or written."""
        global _running
        alone = self._fleet.worker_id is None
        if alone:
            self._store.jobs.note_crashes(now=self._clock())
        _running = self
        with self._database.describing():
            self._database.prepare()
            DBOS(config=self._database.config())
            DBOS.listen_queues([self._fleet.me.queue])
            DBOS.launch()
            self._database.guard()
            DBOS.register_queue(
                self._fleet.me.queue,
                worker_concurrency=self._fleet.me.capacity,
                polling_interval_sec=POLL_SECONDS if alone else SHARED_POLL_SECONDS,
                on_conflict="always_update",
            )
        self._database.delete_ended()

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way here, or waits in this worker's queue."""
        with self._lock:
            active = bool(self._tasks)
        return active or self._database.is_busy(self._fleet.me.queue)

    async def explain(self, job_id: int, run: str) -> None:
        """The body of the workflow of that id."""
        self._loop = asyncio.get_running_loop()
        job = await asyncio.to_thread(self._store_retry, self._begin, job_id, run)
        if job is None:
            return
        model = job.settings.model
        explainer = await asyncio.to_thread(self._with_arithmetic)
        with about(trace_id=job.trace_id, call_id=job.call_id, job_id=job.id, model=model):
            task = asyncio.ensure_future(explainer.explain(job, self._checkpoint))
        with self._lock:
            self._tasks[job_id] = task
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        finally:
            task.cancel()
            with self._lock:
                self._tasks.pop(job_id, None)

    def _begin(self, job_id: int, run: str) -> Job | None:
        """The job, claimed by this worker; None if its run is over, or another worker's."""
        try:
            job = self._store.jobs.get(job_id)
        except KeyError:  # it was removed
            return None
        if self._stopping or run_id(job) != run:
            return None
        mine = self._fleet.worker_id
        if not self._store.jobs.start(job, now=self._clock(), worker_id=mine):
            return None
        return self._store.jobs.get(job_id)

    def cancel_forgotten(self) -> int:
        """Break off the jobs that were removed from the store; returns how many. Requests without
        an answer yet count as spent."""
        gone = self._store.jobs.missing(list(self._tasks))
        with self._lock:
            tasks = [task for job_id, task in self._tasks.items() if job_id in gone]
        for task in tasks:
            task.get_loop().call_soon_threadsafe(task.cancel)
        return len(tasks)

    def stop(self, seconds: float) -> None:
        """Let every job end its round, or cut it off after `seconds`; whoever takes it goes on."""
        global _running
        self._stopping = True
        with self._lock:
            if self._explainer is not None:
                self._explainer.stop()
        self._store_retry.end()
        deadline = threading.Event()
        for _ in range(int(seconds * 20)):
            if not self._tasks:
                break
            deadline.wait(0.05)
        if self._loop is not None and self._loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self._models.close(), self._loop)
            try:
                closing.result(3.0)
            except TimeoutError:
                logger.warning("the models did not close in time")
        with self._store_retry.trying("the engine"):
            self._database.delete_ended()
        DBOS.destroy()
        _running = None

    async def _checkpoint(
        self, ask: "Callable[[], Awaitable[StoredRound]]"
    ) -> "tuple[StoredRound, bool]":
        ran = False

        async def ask_round() -> "StoredRound":
            nonlocal ran
            ran = True
            return await ask()

        try:
            with self._database.describing():
                return await DBOS.run_step_async({"name": STEP}, ask_round), ran
        except error.DBOSWorkflowConflictIDError as conflict:
            raise StoreUnavailable("another worker continues this explanation.") from conflict
