"""Fills the engine's queues: within pauses and caps, and with the jobs of dead workers.

A queue belongs to the workers of the same models and capacity; the engine serves it by priority as
they have room. A queued job is still pending, and may be queued again at any time: only the worker
that begins it marks it as running. So the engine's queues need not be kept, moved or restored with
the store.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from dbos import WorkflowStatus

from smile_trace.settings import Settings, table_name_of
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.workers import RegisteredWorker
from smile_trace.worker.explaining.engine_database import EngineDatabase, job_of, run_id
from smile_trace.worker.fleet import Fleet

BEGINS_WITHIN = 10.0
"""Seconds within which a worker begins a run that it took from its queue. It may have taken it
without learning so, if the database went away."""


@dataclass
class JobQueues:
    """Puts pending jobs into the engine's queues as far as the settings allow, and hands on the
    jobs of dead workers."""

    store: Store
    settings: Settings
    engine: EngineDatabase
    fleet: Fleet
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._looked = False
        self._unbegun: dict[str, float] = {}

    def run(self, *, always: bool = False) -> None:
        """Queue as many jobs as there is room for, unless another worker does so right now.

        Args:
            always: also if nothing is due, to clear away runs that nobody has.

        Raises:
            StoreUnavailable: the store or the engine's database cannot be written for now.
        """
        # In a file every running job is this worker's, but for those that it has found there.
        left = self.fleet.worker_id is not None or not self._looked
        if not (
            always
            or (left and self.store.jobs.any_ownerless())
            or self.store.jobs.any_due(now=self.clock())
        ):
            return
        # One worker at a time, so that none counts what another is about to queue.
        with self.fleet.exclusive("dispatch") as ours:
            if ours:
                self._pass(recover=left)

    def _pass(self, *, recover: bool) -> None:
        # In this order: a job that is running, and was in no queue before, is nobody's.
        runs = {run.workflow_id: run for run in self.engine.under_way()}
        numbers = [number for run in runs if (number := job_of(run)) is not None]
        jobs = {run_id(job): job for job in self.store.jobs.under_way(numbers)}
        workers = self.fleet.workers()
        one = _Pass(workers, runs, jobs, self.store, self.settings, self.engine)
        one.hand_on({*one.without_worker(), *self._taken_without_knowing(runs, jobs)})
        if recover:
            one.release_unqueued(self.clock())
        one.queue_due(self.clock())
        self._looked = True

    def _taken_without_knowing(
        self, runs: Mapping[str, WorkflowStatus], jobs: Mapping[str, Job]
    ) -> list[str]:
        """Runs that a worker took from its queue some time ago, and has not begun."""
        now = time.monotonic()
        taken = (run for run, status in runs.items() if status.status == "PENDING")
        unbegun = [run for run in taken if run in jobs and jobs[run].state == "pending"]
        self._unbegun = {run: self._unbegun.get(run, now) for run in unbegun}
        return [run for run, since in self._unbegun.items() if now - since > BEGINS_WITHIN]


@dataclass
class _Pass:
    """One look at everything: runs and jobs by the ids of the runs."""

    workers: Sequence[RegisteredWorker]
    runs: Mapping[str, WorkflowStatus]
    jobs: Mapping[str, Job]
    store: Store
    settings: Settings
    engine: EngineDatabase

    def __post_init__(self) -> None:
        self._queues = {worker.queue for worker in self.workers}
        self._room = Counter[str]()
        for worker in self.workers:
            self._room[worker.queue] += worker.capacity if worker.alive else 0
        self._room.subtract(run.queue_name or "" for run in self.runs.values())

    def without_worker(self) -> list[str]:
        """Runs with which nobody will go on: no worker has their queue any more, or their worker is
        gone."""
        names = {worker.name for worker in self.workers}
        return [
            name
            for name, run in self.runs.items()
            if (
                run.queue_name not in self._queues
                if run.status == "ENQUEUED"
                else run.executor_id not in names
            )
        ]

    def hand_on(self, runs: Collection[str]) -> None:
        """Let somebody else go on with those runs, after the last finished round of each."""
        for run in runs:
            job = self.jobs.get(run)
            if job is None or (job.state == "running" and not self._is_nobodys(job)):
                self.engine.delete([run])  # its job was removed, or goes on otherwise
            elif queue := self._queue_for(job.model):
                self.engine.resume(run, queue)

    def release_unqueued(self, now: float) -> None:
        """Let running jobs without a worker begin anew that the engine does not know: from a store
        that was copied or restored, or an earlier release."""
        for run, job in self.jobs.items():
            if job.state == "running" and run not in self.runs and self._is_nobodys(job):
                self.store.jobs.release(job, now=now)

    def _is_nobodys(self, job: Job) -> bool:
        return job.worker_id not in {worker.id for worker in self.workers}

    def _queue_for(self, model: str | None, *, with_room: bool = False) -> str | None:
        """The queue with the most room whose workers ask a model, if any."""
        table = table_name_of(self.settings.models, model or "")
        queues = {one.queue for one in self.workers if one.alive and one.asks(table)}
        queue = max(queues, key=lambda name: self._room[name], default=None)
        return None if queue is None or (with_room and self._room[queue] <= 0) else queue

    def queue_due(self, now: float) -> None:
        """Queue what is due, as far as there is room."""
        if not any(room > 0 for room in self._room.values()):
            return
        ledger = self.store.ledger
        paused = self.store.pauses.all().values()
        closed = {pause.name for pause in paused if pause.not_before > now}
        probed = {pause.name for pause in paused} - closed
        closed |= ledger.used_up()
        vectors = self.settings.explain.embeddings  # every explanation needs them
        queued = {job.id for job in self.jobs.values()}
        everywhere = [job.model for job in self.jobs.values()]
        while any(room > 0 for room in self._room.values()) and vectors not in closed:
            if vectors in probed and everywhere:  # one call tries a paused model, the others wait
                break
            if not ledger.room_for(len(everywhere) + 1):
                break
            due = self.store.jobs.due(now=now, limit=1, without=closed, besides=queued)
            if not due:
                break
            [job] = due
            beside = everywhere.count(job.model)
            queue = self._queue_for(job.model, with_room=True)
            if (
                queue is None
                or (job.model in probed and beside)
                or not ledger.room_for(beside + 1, job.model)
            ):
                closed.add(job.model or "")
            else:
                self.engine.put(job, queue)
                self._room[queue] -= 1
                queued.add(job.id)
                everywhere.append(job.model)
