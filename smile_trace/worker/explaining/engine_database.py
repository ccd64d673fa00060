"""Where the engine keeps its runs: a file in the home, or a schema beside the shared store's."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from dbos import DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from smile_trace.store.postgresql import ENGINE_SCHEMA, PostgresDatabase
from smile_trace.store.sqlite import describing_faults, make_wal
from smile_trace.worker.explaining.engine_rows import ENDED, set_foreign_aside


class EngineDatabase(Protocol):
    """The engine's database, before the engine knows it."""

    def prepare(self, in_flight: Mapping[str, int]) -> None:
        """Make it ready. `in_flight`: ids of running jobs, by the ids of their workflows."""

    def config(self) -> DBOSConfig:
        """What the engine is told of it."""

    def describing(self) -> AbstractContextManager[None]:
        """Raise its faults as `StoreError`s."""


class EngineFile:
    """`engine.db` in the home."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self, in_flight: Mapping[str, int]) -> None:
        """Set a foreign file aside, and make a new one."""
        set_foreign_aside(self._path, in_flight)
        # The journal mode stays with the file; the engine itself would not choose it.
        make_wal(self._path)

    def config(self) -> DBOSConfig:
        """The file, and one executor: one worker runs on a home."""
        return {"system_database_url": f"sqlite:///{self._path}", "executor_id": "worker"}

    def describing(self) -> AbstractContextManager[None]:
        """See `EngineDatabase.describing`."""
        return describing_faults(self._path)


class EngineSchema:
    """A schema in the store's database.

    Args:
        database: the store's.
        worker: the name of this process: of all that are kept there, these runs are its own.
    """

    def __init__(self, database: PostgresDatabase, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._engine = database.new_engine()

    def prepare(self, in_flight: Mapping[str, int]) -> None:
        """Nothing: who may write there is the database's to say; the engine makes its tables."""

    def config(self) -> DBOSConfig:
        """Connections of its own, and this worker as the executor."""
        return {
            "system_database_engine": self._engine,
            "dbos_system_schema": ENGINE_SCHEMA,
            "executor_id": self._worker,
        }

    def describing(self) -> AbstractContextManager[None]:
        """See `EngineDatabase.describing`."""
        return self._database.describing()

    def close(self) -> None:
        """Close its connections, once the engine has ended."""
        self._engine.dispose()


def erase_shared_runs(
    database: PostgresDatabase, workflows: Collection[str], *, in_use: bool
) -> bool:
    """As `engine_rows.erase_runs`, for the runs of workers that share a store: they remove ended
    ones themselves."""
    if not database.has_schema(ENGINE_SCHEMA):  # no worker ever ran there
        return True
    engine = database.new_engine()
    client = DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=ENGINE_SCHEMA,
        serializer=DBOSPortableJSONSerializer(),
        lazy=True,
    )
    try:
        with database.describing():
            found = client.list_workflows(
                workflow_ids=list(workflows), load_input=False, load_output=False
            )
            gone = [one.workflow_id for one in found if not in_use or one.status in ENDED]
            if gone:
                client.delete_workflows(gone)
            return len(gone) == len(found)
    finally:
        client.destroy()
        engine.dispose()
