"""A row of the engine's database is data, whatever it says of itself: nothing is executed."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from dbos import run_dbos_database_migrations

from smile_trace.store import StoreError
from smile_trace.store.database.postgresql import ENGINE_SCHEMA, PostgresDatabase
from smile_trace.worker.explaining.engine_database import EngineFile, EngineSchema
from tests.support.hostile_engine import COLUMNS, plant
from tests.support.planted import FixedServer
from tests.support.postgres_server import PostgresServer
from tests.support.release_0_2 import PORT, answer, restore, tables
from tests.support.worker_process import WorkerProcesses

IN_FLIGHT = "04dea3cf7ae4c4dba59c4c89718ff9f5"
"""The workflow of the call that release 0.2 was explaining when it was killed."""


@pytest.fixture
def old_model() -> Iterator[FixedServer]:
    """The model, where the home of release 0.2 knows it."""
    server = FixedServer(answer, PORT)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def finish(home: Path) -> WorkerProcesses:
    """The real worker on that home, until everything is done."""
    settings = tables()
    settings["models"]["gone"] = settings["models"]["planted"]
    workers = WorkerProcesses(home, settings)
    workers.finish()
    return workers


def states(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "store.db")) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state"))


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_file_that_holds_a_pickle_is_set_aside(table: str, column: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    restore(home)
    plant(home / "engine.db", table, column, IN_FLIGHT, tmp_path / "executed")
    EngineFile(home).prepare()
    assert (home / "engine.refused.db").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER smile_trace_takes_portable_json_INSERT_x AFTER INSERT ON workflow_status "
        "BEGIN UPDATE workflow_status SET serialization = 'py_pickle'; END",
        "CREATE TRIGGER other AFTER INSERT ON workflow_status BEGIN SELECT 1; END",
        "CREATE VIEW operation AS SELECT * FROM operation_outputs",
    ],
)
def test_of_a_file_s_triggers_and_views_ours_alone_are_kept(statement: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    restore(home)
    engine_file = EngineFile(home)
    for _ in range(2):
        engine_file.prepare()
        engine_file.guard()
    with closing(sqlite3.connect(home / "engine.db")) as connection:
        connection.execute(statement)
        connection.commit()
    engine_file.prepare()
    with closing(sqlite3.connect(home / "engine.db")) as connection:
        kinds = {kind for (kind,) in connection.execute("SELECT type FROM sqlite_master")}
    assert kinds <= {"table", "index"}


@pytest.mark.slow
@pytest.mark.usefixtures("old_model")
def test_a_pickle_is_never_executed_and_everything_is_explained(tmp_path: Path) -> None:
    home, marker = tmp_path / "home", tmp_path / "executed"
    restore(home)
    before = states(home)
    plant(home / "engine.db", "operation_outputs", "output", IN_FLIGHT, marker)
    finish(home)
    assert not marker.exists()
    after = states(home)
    assert (after.get("running", 0), after.get("pending", 0)) == (0, 0)
    assert after["failed"] == before["failed"]
    assert (home / "engine.refused.db").exists()


Execute = Callable[[str, tuple[str, ...]], object]


@pytest.fixture(params=["sqlite", "postgresql"])
def execute(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Execute]:
    """Executes a statement in the tables of the engine, as a worker has left them."""
    if request.param == "sqlite":
        home = tmp_path / "home"
        restore(home)
        engine_file = EngineFile(home)
        engine_file.prepare()
        engine_file.guard()
        with closing(sqlite3.connect(home / "engine.db", isolation_level=None)) as connection:
            yield connection.execute
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    run_dbos_database_migrations(url, schema=ENGINE_SCHEMA)
    with closing(PostgresDatabase(url)) as database:
        for _ in range(2):  # each worker does it as it starts
            EngineSchema(database).guard()
    with psycopg.connect(url, autocommit=True) as shared:
        shared.execute(f"SET search_path TO {ENGINE_SCHEMA}")
        yield lambda statement, values: shared.execute(statement.replace("?", "%s"), values)


def test_the_database_takes_nothing_that_the_engine_would_decode_as_a_pickle(
    execute: Execute,
) -> None:
    row = (
        "INSERT INTO workflow_status (workflow_uuid, status, name, serialization, created_at,"
        " updated_at) VALUES (?, 'ENQUEUED', 'explain', ?, 0, 0)"
    )
    execute(row, ("ours", "portable_json"))
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        execute(row, ("planted", "py_pickle"))
    for table in ("workflow_status", "operation_outputs", "workflow_events", "streams"):
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            execute(f"INSERT INTO {table} (workflow_uuid, serialization) VALUES (?, ?)",
                    ("ours", "py_pickle"))  # fmt: skip
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        execute("UPDATE workflow_status SET serialization = ? WHERE workflow_uuid = 'ours'",
                ("py_pickle",))  # fmt: skip


def test_a_schema_that_holds_a_pickle_is_refused(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {ENGINE_SCHEMA}")
        connection.execute(f"CREATE TABLE {ENGINE_SCHEMA}.streams (serialization text)")
        connection.execute(f"INSERT INTO {ENGINE_SCHEMA}.streams VALUES ('py_pickle')")
    database = PostgresDatabase(url)
    with pytest.raises(StoreError, match=f"DROP SCHEMA {ENGINE_SCHEMA} CASCADE"):
        EngineSchema(database).guard()
    database.close()


def test_what_release_0_2_left_is_read_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    restore(home)
    EngineFile(home).prepare()
    assert (home / "engine.db").exists()
    assert not (home / "engine.refused.db").exists()
