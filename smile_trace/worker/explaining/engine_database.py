"""The engine's record of its runs: a file in the home, or a schema beside the shared store's.

DBOS chooses the decoder of a value by the row that holds it, and one decoder is pickle. So the
database itself takes nothing but portable JSON there: by a constraint of PostgreSQL's tables, and
by triggers in a file, which is also inspected before the engine opens it. A run that holds anything
else, or is lost, costs nothing: the store knows every job and every answer that was paid for.
"""

import hashlib
import logging
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager, closing, suppress
from functools import cached_property
from pathlib import Path

from dbos import DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, WorkflowStatus, error

from smile_trace.store.database import BUSY_SECONDS
from smile_trace.store.database.postgresql import ENGINE_SCHEMA, PostgresDatabase
from smile_trace.store.database.sqlite import describing_faults, empty_wal, make_wal
from smile_trace.store.forgetting import Run
from smile_trace.store.jobs import Job

logger = logging.getLogger(__name__)

VERSION = "2"
"""Raised only when the steps of the workflow change: their stored results are then of no use, and
workers of another version leave each other's runs alone."""
WORKFLOW, STEP = "explain", "round"
SERIALIZATION = "portable_json"
ENDED, UNDER_WAY = ["SUCCESS", "ERROR"], ["ENQUEUED", "PENDING"]
"""States of a run whose result is in the store, and of one that is queued or being executed."""
_LEAST = 1_000_000
"""The priority of a job that nobody requested; the engine takes the lower numbers first."""


def run_id(job: Job | Run) -> str:
    """The engine's id of this run of a job, the same each time, so that nothing runs twice."""
    key = f"{VERSION} {job.call_id} {job.settings_hash} {job.attempt} {job.run}"
    return f"{job.id}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def job_of(run: str) -> int | None:
    """The id of the job in a run's; None if it is no run of ours."""
    number = run.partition("-")[0]
    return int(number) if number.isdecimal() and len(number) < 19 else None


class EngineDatabase(ABC):
    """The engine's runs, looked at from outside: nothing here runs anything, and nothing waits for
    a database that is away. `executor` is the engine's name for this process."""

    executor: str

    @abstractmethod
    def prepare(self) -> None:
        """Make it ready for the engine to open."""

    @abstractmethod
    def guard(self) -> None:
        """Let its tables, which exist by now, take portable JSON alone; raises StoreError if they
        hold anything else."""

    @abstractmethod
    def describing(self) -> AbstractContextManager[None]:
        """Raise its faults as `StoreError`s."""

    @abstractmethod
    def _place(self) -> DBOSConfig:
        """Its place."""

    def config(self) -> DBOSConfig:
        """The engine's configuration."""
        return {
            **self._place(),
            "name": "smile-trace",
            "executor_id": self.executor,
            "serializer": DBOSPortableJSONSerializer(),
            "application_version": VERSION,
            # It would print a traceback where a disk is full; we say that ourselves.
            "log_level": "CRITICAL",
        }

    def under_way(self) -> list[WorkflowStatus]:
        """The runs of this version that wait in a queue or are a worker's."""
        with self.describing():
            return self._client.list_workflows(
                status=UNDER_WAY, app_version=VERSION, load_input=False, load_output=False
            )

    def is_busy(self, queue: str) -> bool:
        """Whether a run waits in that queue, or is this process's."""
        return any(
            run.executor_id in (None, self.executor)
            for run in self.under_way()
            if run.queue_name == queue
        )

    def put(self, job: Job, queue: str) -> None:
        """Queue the run of a pending job; one that has ended and left the job as it was begins
        anew."""
        run = run_id(job)
        with self.describing():
            for _ in range(2):
                with suppress(error.DBOSWorkflowIDInUseError):
                    self._client.enqueue(
                        {
                            "workflow_name": WORKFLOW,
                            "workflow_id": run,
                            "workflow_id_reuse_policy": "reject",
                            "queue_name": queue,
                            "app_version": VERSION,
                            "priority": max(1, _LEAST - job.priority),
                        },
                        job.id,
                    )
                    return
                self._delete_ended([run])

    def resume(self, run: str, queue: str) -> None:
        """Let another worker go on with a run, after its last finished round."""
        with self.describing(), suppress(error.DBOSNonExistentWorkflowError):
            self._client.resume_workflows([run], queue_name=queue)

    def delete(self, runs: Collection[str]) -> None:
        """Remove runs that are of no use."""
        with self.describing():
            if runs:
                self._client.delete_workflows(list(runs))

    def delete_ended(self) -> None:
        """Remove ended runs: the store has their results."""
        with self.describing():
            self._delete_ended()

    def erase(self, runs: Collection[str], *, in_use: bool) -> bool:
        """Remove the ended runs and `runs`. If workers run (`in_use`), their current ones stay for
        now; returns False if one of `runs` is among them."""
        with self.describing():
            there = self._client.list_workflows(
                workflow_ids=list(runs), load_input=False, load_output=False
            )
            held = {one.workflow_id for one in there if in_use and one.status == "PENDING"}
            self.delete([one.workflow_id for one in there if one.workflow_id not in held])
            self._delete_ended()
        return not held

    def close(self) -> None:
        """Close what was opened here."""
        if "_client" in self.__dict__:
            self._client.destroy()

    def _delete_ended(self, runs: list[str] | None = None) -> None:
        while ended := self._client.list_workflows(
            workflow_ids=runs, status=ENDED, load_input=False, load_output=False, limit=1000
        ):
            self._client.delete_workflows([run.workflow_id for run in ended])

    @cached_property
    def _client(self) -> DBOSClient:
        place = self._place()
        return DBOSClient(
            system_database_url=place.get("system_database_url"),
            system_database_engine=place.get("system_database_engine"),
            dbos_system_schema=place.get("dbos_system_schema"),
            serializer=DBOSPortableJSONSerializer(),
            application_name="smile-trace",
            lazy=True,
            retry_connection_errors=False,
        )


class EngineFile(EngineDatabase):
    """`engine.db` in the home, on which one worker runs."""

    executor = "worker"

    def __init__(self, home: Path) -> None:
        self._path = home / "engine.db"

    def prepare(self) -> None:
        """Set a foreign file aside, and make a new one."""
        if self._path.exists():
            with closing(sqlite3.connect(self._path)) as connection:
                connection.execute("PRAGMA trusted_schema=OFF")
                reason = _foreign(connection)
            if reason is not None:
                self._set_aside(reason)
        # The journal mode stays with the file; the engine itself would not choose it.
        make_wal(self._path)

    def guard(self) -> None:
        """See `EngineDatabase.guard`."""
        with self.describing(), closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as file:
            for table in _encoded(file):
                for event in ("INSERT", "UPDATE"):
                    file.execute(
                        f'CREATE TRIGGER IF NOT EXISTS "{_GUARD}{event}_{table}" '
                        f'BEFORE {event} ON "{table}" '
                        f"WHEN coalesce(NEW.serialization, '{SERIALIZATION}') <> '{SERIALIZATION}' "
                        "BEGIN SELECT RAISE(ABORT, 'a value that is not portable JSON'); END"
                    )
            file.commit()

    def describing(self) -> AbstractContextManager[None]:
        """See `EngineDatabase.describing`."""
        return describing_faults(self._path)

    def erase(self, runs: Collection[str], *, in_use: bool) -> bool:
        """See `EngineDatabase.erase`; its pages are rewritten, too."""
        if not self._path.exists():
            return True
        with self.describing():
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as file:
                if "workflow_status" not in _encoded(file):  # no worker ever ran here
                    return True
            gone = super().erase(runs, in_use=in_use)
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as file:
                file.execute("VACUUM")
        empty_wal(self._path)
        return gone

    def _place(self) -> DBOSConfig:
        return {"system_database_url": f"sqlite:///{self._path}"}

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_suffix(".refused.db")
        for end in ("", "-wal", "-shm"):
            moved = self._path.with_name(self._path.name + end)
            target = aside.with_name(aside.name + end)
            target.unlink(missing_ok=True)
            if moved.exists():
                os.replace(moved, target)
        logger.warning(
            "%s %s: it was moved to %s, and is not read. Running explanations begin anew; "
            "answers that were paid for are in the store.",
            self._path,
            reason,
            aside.name,
        )


class EngineSchema(EngineDatabase):
    """A schema in the store's database. `worker` is the name of this process; empty for a
    command."""

    def __init__(self, database: PostgresDatabase, worker: str = "") -> None:
        self._database = database
        self.executor = worker
        self._engine = database.new_engine()

    def prepare(self) -> None:
        """Do nothing: the database decides who may write there, and the engine makes its tables."""

    def guard(self) -> None:
        """See `EngineDatabase.guard`."""
        self._database.constrain_text(ENGINE_SCHEMA, "serialization", SERIALIZATION)

    def describing(self) -> AbstractContextManager[None]:
        """See `EngineDatabase.describing`."""
        return self._database.describing()

    def erase(self, runs: Collection[str], *, in_use: bool) -> bool:
        """See `EngineDatabase.erase`."""
        if not self._database.has_schema(ENGINE_SCHEMA):  # no worker ever ran there
            return True
        return super().erase(runs, in_use=in_use)

    def close(self) -> None:
        """Close its connections, once the engine has ended."""
        super().close()
        self._engine.dispose()

    def _place(self) -> DBOSConfig:
        return {
            "system_database_engine": self._engine,
            "dbos_system_schema": ENGINE_SCHEMA,
        }


_GUARD = "smile_trace_takes_portable_json_"
"""The prefix of our triggers' names."""


def _encoded(file: sqlite3.Connection) -> list[str]:
    """The tables whose rows say how their values are encoded."""
    tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [
        table
        for (table,) in tables
        if any(row[1] == "serialization" for row in file.execute(f'PRAGMA table_info("{table}")'))
    ]


def _foreign(file: sqlite3.Connection) -> str | None:
    """Contents of a file that may be more than data, in words. Our triggers are made anew each
    time, since a foreign one may bear their name."""
    for (name,) in file.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE ?", (f"{_GUARD}%",)
    ).fetchall():
        file.execute(f'DROP TRIGGER "{name}"')
    file.commit()
    kinds = {kind for (kind,) in file.execute("SELECT type FROM sqlite_master")}
    if not kinds <= {"table", "index"}:
        return "has views or triggers, which the engine never makes"
    for table in _encoded(file):
        query = f'SELECT 1 FROM "{table}" WHERE coalesce(serialization, ?) <> ? LIMIT 1'
        if file.execute(query, (SERIALIZATION, SERIALIZATION)).fetchone():
            return f"has values in {table} that are not portable JSON"
    return None
