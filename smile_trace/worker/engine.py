"""DBOS runs the explanations: a workflow per run of a job, a step per round.

The store is the truth; the engine only executes. Its rows are portable JSON, never code, and
its application version is ours, so that another release still resumes what this one began.
"""

import asyncio
import hashlib
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.worker.explain import Explainer, Kept
from smile_trace.worker.models import Models

logger = logging.getLogger(__name__)

VERSION = "1"
"""Raised only when the steps of the workflow change: their kept results are then of no use."""

_running: "Engine | None" = None  # DBOS is one per process; its workflows are functions


@DBOS.workflow(name="explain")
async def _explain(job_id: int) -> str:
    assert _running is not None
    await _running.explain(job_id)
    return "done"


class Engine:
    """Runs jobs, and resumes those that a dead worker left behind. One per process."""

    def __init__(self, store: Store, settings: Settings, app: str | None = None) -> None:
        self._store = store
        self._path = settings.home / "engine.db"
        self._models = Models(store, settings, app)
        self._explainer = Explainer(store, self._models)
        self._active: set[int] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, now: float) -> None:
        """Start the engine; jobs that were running go on where they were."""
        global _running
        _use_wal(self._path)
        self._store.jobs.note_crashes(now=now)
        _running = self
        left = self._store.jobs.running()
        self._active.update(job.id for job in left)
        DBOS(config=_config(self._path))
        DBOS.launch()
        for job in left:
            self._resume(job, now)
        self.forget_ended()

    def submit(self, job: Job, now: float) -> None:
        """Start a pending job."""
        self._store.jobs.start(job, now=now)
        with self._lock:
            self._active.add(job.id)
        self._launch(job)

    @property
    def active(self) -> frozenset[int]:
        """The ids of the jobs under way."""
        with self._lock:
            return frozenset(self._active)

    async def explain(self, job_id: int) -> None:
        """The body of the workflow."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._explainer.explain(job_id, _checkpoint)
        finally:
            with self._lock:
                self._active.discard(job_id)

    def forget_ended(self) -> None:
        """Remove what the engine keeps of runs that ended: the store has their results."""
        ended = DBOS.list_workflows(
            status=["SUCCESS", "ERROR"], load_input=False, load_output=False, limit=1000
        )
        if ended:
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])

    def stop(self, seconds: float) -> None:
        """Let every job end its round, or cut it off after `seconds`; a later start goes on."""
        global _running
        self._explainer.stop()
        deadline = threading.Event()
        for _ in range(int(seconds * 20)):
            if not self.active:
                break
            deadline.wait(0.05)
        if self._loop is not None and self._loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self._models.close(), self._loop)
            _result_of(closing, 3.0)
        self.forget_ended()
        DBOS.destroy()
        _running = None

    def _launch(self, job: Job) -> None:
        with SetWorkflowID(workflow_id(job)):
            DBOS.start_workflow(_explain, job.id)

    def _resume(self, job: Job, now: float) -> None:
        status = DBOS.get_workflow_status(workflow_id(job))
        if status is None:  # marked as running, and then the worker died
            self._launch(job)
        elif status.status not in ("PENDING", "ENQUEUED"):
            # The engine holds it for ended and the store does not: the store is right.
            self._store.jobs.postpone(job, None, until=0.0, now=now)
            with self._lock:
                self._active.discard(job.id)


def workflow_id(job: Job) -> str:
    """The same for the same run of the same attempt, so that nothing runs twice."""
    key = f"{job.call_id} {job.settings_hash} {job.attempt} {job.run}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]


async def _checkpoint(ask: Callable[[], Awaitable[Kept]]) -> Kept:
    async def ask_round() -> Kept:
        return await ask()

    return await DBOS.run_step_async({"name": "round"}, ask_round)


def _config(path: Path) -> DBOSConfig:
    return {
        "name": "smile-trace",
        "system_database_url": f"sqlite:///{path}",
        "serializer": DBOSPortableJSONSerializer(),
        "application_version": VERSION,
        "executor_id": "worker",
        "log_level": "ERROR",
    }


def _use_wal(path: Path) -> None:
    # The journal mode stays with the file; the engine itself would not choose it.
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _result_of(future: "Future[None]", seconds: float) -> None:
    try:
        future.result(seconds)
    except TimeoutError:
        logger.warning("the models did not close in time")
