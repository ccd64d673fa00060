"""DBOS runs the explanations: a workflow per run of a job, a step per round.

The store is the truth; the engine only executes. Its rows are portable JSON, never code (see
`engine_rows`), and its application version is ours, so that another release still resumes what
this one began.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from smile_trace._text.log_context import about
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.forgetting import Run
from smile_trace.store.jobs import Job
from smile_trace.worker.explaining.engine_database import EngineDatabase
from smile_trace.worker.explaining.engine_rows import STEP, WORKFLOW, refuse_pickle
from smile_trace.worker.explaining.explain import Explainer, StoredRound
from smile_trace.worker.explaining.models import Models
from smile_trace.worker.fleet import Fleet
from smile_trace.worker.store_retry import StoreRetry

logger = logging.getLogger(__name__)

VERSION = "1"
"""Raised only when the steps of the workflow change: their kept results are then of no use."""

_running: "Engine | None" = None  # DBOS is one per process; its workflows are functions

refuse_pickle()


@DBOS.workflow(name=WORKFLOW)
async def _explain(job_id: int) -> str:
    assert _running is not None
    assert DBOS.workflow_id is not None
    await _running.explain(job_id, DBOS.workflow_id)
    return "done"


class Engine:
    """Runs jobs, and resumes those that a dead worker left behind. One per process.

    Args:
        store: the store, which is open.
        settings: the settings.
        database: where the engine keeps its runs.
        fleet: the workers of the store.
        app: the module with the decorated functions, for models of `kind = "rerun"`.
        store_retry: waits with what cannot be written for now.
        clock: Unix seconds.
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
        self._explainer = Explainer(store, self._models, settings, store_retry, clock)
        self._active: dict[int, str | None] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._lock = threading.Lock()
        self._unsure = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the engine; jobs that an earlier worker of this home had under way go on where they
        were. Those of a shared store are the other workers', who take over from a dead one.

        Raises:
            StoreError: its database or the store cannot be opened or written.
        """
        global _running
        left = self._left_behind()
        self._active.update({job.id: job.model for job in left})
        _running = self
        with self._own_database():
            self._database.prepare({workflow_id(job): job.id for job in left})
            DBOS(config=_config(self._database))
            DBOS.launch()
            for job in left:
                self._resume(job)
        self.delete_ended_runs()

    def submit(self, job: Job) -> bool:
        """Start a pending job; False where it is not pending any more.

        Raises:
            StoreUnavailable: it could not be started; `begin_unsure` finds out.
        """
        mine = self._fleet.worker_id
        try:
            started = self._store.jobs.start(job, now=self._clock(), worker_id=mine)
        except StoreUnavailable:
            self._unsure = mine is not None  # the answer may be lost on its way, and the job ours
            raise
        if started:
            self._begin(job)
        return started

    def begin_unsure(self) -> None:
        """Begin the jobs that this worker of a shared store has without knowing it."""
        if self._unsure:
            for job in self._store.jobs.running(self._fleet.worker_id):
                if job.id not in self.active:
                    self._begin(job)
            self._unsure = False

    def _begin(self, job: Job) -> None:
        with self._lock:
            self._active[job.id] = job.model
        try:
            with self._own_database():
                self._launch(job)
        except StoreUnavailable:
            self._release(job)
            raise

    @property
    def active(self) -> Mapping[int, str | None]:
        """The jobs under way by id, each with its model's name in the settings."""
        with self._lock:
            return dict(self._active)

    async def explain(self, job_id: int, workflow: str) -> None:
        """The body of the workflow of that id."""
        self._loop = asyncio.get_running_loop()
        try:  # without this job it would count as under way for ever
            job = await asyncio.to_thread(self._store_retry, self._store.jobs.get, job_id)
        except KeyError:  # it was removed, long after this run of it ended, or just now
            with self._lock:
                self._active.pop(job_id, None)
            return
        if job.state != "running" or workflow_id(job) != workflow:
            return  # the engine never heard that this run has ended
        model = job.settings.model
        with about(trace_id=job.trace_id, call_id=job.call_id, job_id=job.id, model=model):
            task = asyncio.ensure_future(self._explainer.explain(job, self._checkpoint))
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
                self._active.pop(job_id, None)

    def cancel_forgotten(self) -> int:
        """Break off the jobs that were removed from the store meanwhile; gives how many.

        What they have asked and not received yet counts as spent.
        """
        gone = self._store.jobs.missing(self.active)
        with self._lock:
            tasks = [task for job_id, task in self._tasks.items() if job_id in gone]
        for task in tasks:
            task.get_loop().call_soon_threadsafe(task.cancel)
        return len(tasks)

    def delete_ended_runs(self) -> None:
        """Remove what the engine keeps of runs that ended: the store has their results.

        Raises:
            StoreUnavailable: the engine's database cannot be written for now.
        """
        with self._own_database():
            ended = DBOS.list_workflows(
                status=["SUCCESS", "ERROR"], load_input=False, load_output=False, limit=1000
            )
            if ended:
                DBOS.delete_workflows([workflow.workflow_id for workflow in ended])

    def delete_runs_of_others(self, living: Callable[[], Collection[str]]) -> None:
        """Remove what dead workers of a shared store left in the engine: their explanations begin
        anew elsewhere.

        Args:
            living: gives the names of the workers that are registered. It is asked after the runs
                were listed: one that registers meanwhile loses none.

        Raises:
            StoreUnavailable: the engine's database cannot be written for now.
        """
        with self._own_database():
            under_way = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
            alive = living()
            left = [one.workflow_id for one in under_way if one.executor_id not in alive]
            if left:
                DBOS.delete_workflows(left)

    def stop(self, seconds: float) -> None:
        """Let every job end its round, or cut it off after `seconds`; a later start goes on."""
        global _running
        self._explainer.stop()
        self._store_retry.end()
        deadline = threading.Event()
        for _ in range(int(seconds * 20)):
            if not self.active:
                break
            deadline.wait(0.05)
        if self._loop is not None and self._loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self._models.close(), self._loop)
            _result_of(closing, 3.0)
        with self._store_retry.trying("the engine"):
            self.delete_ended_runs()
        DBOS.destroy()
        _running = None

    async def _checkpoint(self, ask: Callable[[], Awaitable[StoredRound]]) -> StoredRound:
        async def ask_round() -> StoredRound:
            return await ask()

        with self._own_database():
            return await DBOS.run_step_async({"name": STEP}, ask_round)

    def _launch(self, job: Job) -> None:
        with SetWorkflowID(workflow_id(job)):
            DBOS.start_workflow(_explain, job.id)

    def _left_behind(self) -> list[Job]:
        if self._fleet.worker_id is not None:
            return []
        self._store.jobs.note_crashes(now=self._clock())
        return self._store.jobs.running()

    def _resume(self, job: Job) -> None:
        status = DBOS.get_workflow_status(workflow_id(job))
        if status is None:  # marked as running, and then the worker died
            self._launch(job)
        elif status.status not in ("PENDING", "ENQUEUED") or status.app_version != VERSION:
            # Ended, or of another release, whose runs are not recovered: the store is right.
            DBOS.delete_workflows([status.workflow_id])
            self._release(job)

    def _release(self, job: Job) -> None:
        """Return a job that is not running any more to pending."""
        now = self._clock()
        with self._lock:
            self._active.pop(job.id, None)
        self._store_retry(self._store.jobs.postpone, job, None, until=now, now=now)

    def _own_database(self) -> AbstractContextManager[None]:
        return self._database.describing()


def workflow_id(job: Job | Run) -> str:
    """The same for the same run of the same attempt, so that nothing runs twice."""
    key = f"{job.call_id} {job.settings_hash} {job.attempt} {job.run}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _config(database: EngineDatabase) -> DBOSConfig:
    return {
        **database.config(),
        "name": "smile-trace",
        "serializer": DBOSPortableJSONSerializer(),
        "application_version": VERSION,
        # It would print a traceback where a disk is full; we say that ourselves.
        "log_level": "CRITICAL",
    }


def _result_of(future: "Future[None]", seconds: float) -> None:
    try:
        future.result(seconds)
    except TimeoutError:
        logger.warning("the models did not close in time")
