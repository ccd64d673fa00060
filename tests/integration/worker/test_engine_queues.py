"""What is put into the engine's queues, and what becomes of what a lost worker left there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest
from dbos import WorkflowStatus, run_dbos_database_migrations
from sqlalchemy import create_engine, text

from smile_trace.errors import Reason, ReasonCode
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.database.postgresql import ENGINE_SCHEMA, PostgresDatabase
from smile_trace.store.jobs import Job
from smile_trace.store.model_states import Pause
from smile_trace.store.workers import RegisteredWorker
from smile_trace.worker.explaining import engine_queues
from smile_trace.worker.explaining.engine_database import (
    EngineDatabase,
    EngineFile,
    EngineSchema,
    run_id,
)
from smile_trace.worker.explaining.engine_queues import JobQueues
from tests.support.store_rows import decision, only
from tests.support.stores import POSTGRESQL, on_both, settings_of

NOW = 10.0


@dataclass
class Fleet:
    """Workers that live as long as a test says so; `here` is the one that queues."""

    here: RegisteredWorker
    others: list[RegisteredWorker] = field(default_factory=list)

    @property
    def worker_id(self) -> int | None:
        return self.here.id or None

    def workers(self) -> list[RegisteredWorker]:
        return [self.here, *self.others]

    @contextmanager
    def exclusive(self, task: str) -> Iterator[bool]:
        assert task == "dispatch"
        yield True


class Line:
    """A store with its queues."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store.open(settings)
        database = self.store.database
        self.engine: EngineDatabase
        if isinstance(database, PostgresDatabase):
            self._url = database.url.render_as_string(hide_password=False)
            run_dbos_database_migrations(self._url, schema=ENGINE_SCHEMA)
            me = self.store.workers.register(2, now=1.0)
            self.engine = EngineSchema(database, me.name)
        else:
            self._url = f"sqlite:///{settings.home / 'engine.db'}"
            run_dbos_database_migrations(self._url)
            self.engine = EngineFile(settings.home)
            me = RegisteredWorker(
                id=0, name="worker", host="", release="", capacity=2, started_at=1.0
            )
        self.fleet = Fleet(me)
        self.queueing = JobQueues(self.store, settings, self.engine, self.fleet, lambda: NOW)  # type: ignore[arg-type]

    @property
    def queue(self) -> str:
        return self.fleet.here.queue

    def join(self, **how: object) -> RegisteredWorker:
        """Another worker."""
        one = self.store.workers.register(2, now=1.0, **how)  # type: ignore[arg-type]
        self.fleet.others.append(one)
        return one

    def due(self, *numbers: int, model: str = "planted") -> list[Job]:
        """Jobs that are due, of those calls."""
        self.store.sampling.decide([decision(n, model=model) for n in numbers], {}, now=1.0)
        return self.store.jobs.due(now=NOW, limit=99)[-len(numbers) :]

    def runs(self) -> dict[str, WorkflowStatus]:
        """What waits or is somebody's, by id."""
        return {run.workflow_id: run for run in self.engine.under_way()}

    def change(self, job: Job, values: str) -> None:
        """Change the engine's row of a run."""
        table = "workflow_status" if "sqlite" in self._url else f"{ENGINE_SCHEMA}.workflow_status"
        url = self._url.replace("postgresql:", "postgresql+psycopg:")
        with closing(create_engine(url).connect()) as connection, connection.begin():
            connection.execute(
                text(f"UPDATE {table} SET {values} WHERE workflow_uuid = :run"),
                {"run": run_id(job)},
            )

    def take(self, job: Job, executor: str) -> None:
        """Let a worker take a run from its queue."""
        self.change(job, f"status = 'PENDING', executor_id = '{executor}'")


@pytest.fixture
def line(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Line]:
    """A store of that kind with one worker that takes two explanations at once."""
    made = Line(settings)
    yield made
    made.engine.close()
    made.store.close()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path) -> Settings:
    """Two models, on a new store."""
    made = settings_of(getattr(request, "param", POSTGRESQL), tmp_path / "home", request)
    model = {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}
    tables = {"models": {"planted": model, "gpu": model}, "store": {"url": made.store.url}}
    return Settings(home=made.home, **tables)


@on_both
def test_jobs_are_queued_once_and_as_many_as_there_is_room_for(line: Line) -> None:
    first, second, third = line.due(1, 2, 3)
    line.store.jobs.retry([decision(3)], now=2.0)
    third = line.store.jobs.get(third.id)
    for _ in range(2):
        line.queueing.run()
        runs = line.runs()
        assert runs.keys() == {run_id(first), run_id(third)}
    assert {run.queue_name for run in runs.values()} == {line.queue}
    requested, sampled = runs[run_id(third)].priority, runs[run_id(first)].priority
    assert requested is not None
    assert sampled is not None
    assert requested < sampled, "the engine takes the lower numbers first"
    assert line.engine.is_busy(line.queue)
    assert not line.engine.is_busy("another")
    line.take(first, line.fleet.here.name)
    assert line.store.jobs.start(first, now=NOW, worker_id=line.fleet.worker_id)
    line.store.jobs.fail(first.id, Reason(ReasonCode.CANNOT_EXPLAIN, "no"), now=NOW)
    line.change(first, "status = 'SUCCESS'")
    line.queueing.run()
    assert line.runs().keys() == {run_id(second), run_id(third)}


def test_a_job_waits_in_the_queue_of_those_who_ask_its_model(line: Line) -> None:
    gpu = line.join(models=["gpu"])
    [job] = line.due(1, model="gpu")
    line.fleet.here = line.fleet.here.model_copy(update={"models": "planted"})
    line.queueing.run()
    assert [run.queue_name for run in line.runs().values()] == [gpu.queue]
    line.fleet.others = [gpu.model_copy(update={"alive": False})]
    [other] = [one for one in line.due(2, model="gpu") if one.id != job.id]
    line.queueing.run()
    assert run_id(other) not in line.runs(), "nobody who asks it gives a sign of life"


@on_both
def test_one_call_tries_a_paused_model(line: Line) -> None:
    line.due(1, 2)
    line.due(3, model="gpu")
    line.store.pauses.put(pause(not_before=NOW + 1))
    line.queueing.run()
    assert len(line.runs()) == 1, "that of the other model"
    line.store.pauses.put(pause(not_before=NOW - 1))
    line.queueing.run()
    line.queueing.run()
    assert len(line.runs()) == 2


def test_what_a_dead_worker_had_is_resumed_in_the_queue_of_another(line: Line) -> None:
    dead = line.join()
    begun, taken, waiting = line.due(1, 2, 3)
    line.queueing.run()
    line.take(begun, dead.name)
    line.store.jobs.start(begun, now=NOW, worker_id=dead.id)
    line.take(taken, dead.name)
    line.queueing.run()
    assert [run.status for run in line.runs().values()].count("PENDING") == 2
    line.store.workers.remove(dead.id, died=True)
    line.fleet.others = []
    line.queueing.run()
    runs = line.runs()
    assert {run.status for run in runs.values()} == {"ENQUEUED"}
    assert runs.keys() == {run_id(job) for job in (begun, taken, waiting)}
    job = only(line.store.jobs.under_way([]))
    assert (job.id, job.run, job.crashes) == (begun.id, 1, 1)


def test_what_waits_in_nobody_s_queue_is_moved(line: Line) -> None:
    gone = line.join(models=["gpu"])
    [job] = line.due(1, model="gpu")
    line.fleet.here = line.fleet.here.model_copy(update={"models": "planted"})
    line.queueing.run()
    assert line.runs()[run_id(job)].queue_name == gone.queue
    line.fleet.here = line.fleet.here.model_copy(update={"models": None})
    line.fleet.others = []
    line.queueing.run()
    assert line.runs()[run_id(job)].queue_name == line.queue


@on_both
def test_a_run_that_its_worker_does_not_know_of_is_queued_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to its look into the queue was lost on the way."""
    [job] = line.due(1)
    line.queueing.run()
    line.take(job, line.fleet.here.name)
    line.queueing.run()
    assert line.runs()[run_id(job)].status == "PENDING"
    monkeypatch.setattr(engine_queues, "BEGINS_WITHIN", 0.0)
    line.queueing.run()
    assert line.runs()[run_id(job)].status == "ENQUEUED"


@on_both
def test_what_runs_and_the_engine_does_not_know_begins_anew(line: Line) -> None:
    [job] = line.due(1)
    line.store.jobs.start(job, now=2.0)
    line.queueing.run()
    again = line.store.jobs.get(job.id)
    assert (again.state, again.run) == ("pending", 2)
    line.queueing.run()
    assert line.runs().keys() == {run_id(again)}


@on_both
def test_a_run_that_ended_without_beginning_its_job_is_queued_again(line: Line) -> None:
    [job] = line.due(1)
    line.queueing.run()
    line.change(job, "status = 'ERROR'")
    line.queueing.run()
    assert line.runs()[run_id(job)].status == "ENQUEUED"


def test_nothing_stays_of_a_run_that_nobody_has_and_whose_job_is_gone(line: Line) -> None:
    dead = line.join()
    [job] = line.due(1)
    line.queueing.run()
    line.take(job, dead.name)
    line.store.jobs.retry([decision(1, settings_hash="other")], now=NOW + 1)
    line.fleet.others = []
    line.store.workers.remove(dead.id, died=True)
    line.queueing.run(always=True)
    assert run_id(job) not in line.runs()


def pause(not_before: float) -> Pause:
    """A model that is down."""
    code = ReasonCode.MODEL_UNAVAILABLE
    return Pause(
        name="planted", reason="down", reason_code=code, failures=1, since=1.0,
        not_before=not_before,
    )  # fmt: skip
