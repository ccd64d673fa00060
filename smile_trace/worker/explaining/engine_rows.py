"""What the engine may read from its database: portable JSON of our own workflows, never code.

DBOS chooses the decoder of a value by the row that holds it, and one of them is pickle. Here that
decoder is taken away from the whole process, and a database that holds anything but what we write
is set aside before the engine looks: the store knows every job and every answer that was paid for.
"""

import logging
import os
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from dbos._serialization import DefaultSerializer

from smile_trace._guards import foreign
from smile_trace.store.database import BUSY_SECONDS
from smile_trace.store.sqlite import describing_faults, empty_wal

logger = logging.getLogger(__name__)

WORKFLOW, STEP = "explain", "round"
SERIALIZATION = "portable_json"
ENDED = ("SUCCESS", "ERROR")
"""States of a run whose result is in the store."""
RUN_TABLES = ("operation_outputs", "workflow_input", "workflow_status")
"""Tables of the engine in which a run has rows."""
UNUSED = (
    "notifications",
    "queues",
    "streams",
    "workflow_events",
    "workflow_events_history",
    "workflow_schedules",
)
"""Tables of the engine that nothing of ours writes to."""


def refuse_pickle() -> None:
    """Let no value be decoded as a pickle in this process, whatever its row says."""

    def refuse(*_: Any) -> NoReturn:
        raise ValueError("a row of engine.db holds a pickle, which is never read")

    DefaultSerializer.deserialize = refuse  # type: ignore[method-assign, assignment]


def set_foreign_aside(path: Path, in_flight: Mapping[str, int]) -> None:
    """Move the engine's database away where it holds something that we never write.

    Args:
        path: the database; nothing happens where there is none.
        in_flight: the ids of the jobs that were running, by the ids of their workflows.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA trusted_schema=OFF")
        reason = _foreign(connection, in_flight)
    if reason is None:
        return
    aside = path.with_suffix(".refused.db")
    for end in ("", "-wal", "-shm"):
        moved, target = path.with_name(path.name + end), aside.with_name(aside.name + end)
        target.unlink(missing_ok=True)
        if moved.exists():
            os.replace(moved, target)
    logger.warning(
        "%s %s: it was moved to %s, and is not read. Running explanations begin anew; "
        "answers that were paid for are in the store.",
        path,
        reason,
        aside.name,
    )


def erase_runs(path: Path, workflows: Collection[str], *, in_use: bool) -> bool:
    """Remove what the engine keeps of ended runs, and of those workflows, from its database.

    Args:
        path: the database; nothing happens where there is none.
        workflows: the ids of runs of which nothing may stay.
        in_use: a worker runs on it: what it has in hand stays for now.

    Returns:
        False where one of the workflows is still in its hands, so that something is left.

    Raises:
        StoreError: the database is damaged, or cannot be written for now.
    """
    if not path.exists():
        return True
    with describing_faults(path), closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
        database.isolation_level = None
        database.execute("PRAGMA trusted_schema=OFF")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if not set(RUN_TABLES) <= tables:
            return True
        states = dict(database.execute("SELECT workflow_uuid, status FROM workflow_status"))
        ended = {uuid for uuid, state in states.items() if state in ENDED}
        held = set(workflows) & states.keys() - ended if in_use else set[str]()
        gone = [(uuid,) for uuid in (ended | set(workflows)) - held]
        database.execute("BEGIN IMMEDIATE")
        for table in RUN_TABLES:
            database.executemany(f"DELETE FROM {table} WHERE workflow_uuid = ?", gone)
        database.execute("COMMIT")
        database.execute("VACUUM")
    empty_wal(path)
    return not held


def _foreign(connection: sqlite3.Connection, in_flight: Mapping[str, int]) -> str | None:
    """What is not ours in there, in words; None where everything is."""
    schema = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    tables = {name for kind, name in schema if kind == "table"}
    if any(kind not in ("table", "index") for kind, _ in schema):
        return "has views or triggers, which the engine never makes"
    for table in tables:
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
        if "serialization" in columns and _any(
            connection, f'"{table}" WHERE coalesce(serialization, ?) <> ?', SERIALIZATION
        ):
            return f"has values in {table} that are not portable JSON"
    for table in tables & set(UNUSED):
        if _any(connection, f'"{table}"'):
            return f"has rows in {table}, which the worker never writes"
    if "workflow_status" in tables and _any(
        connection, "workflow_status WHERE name IS NOT ?", WORKFLOW
    ):
        return "has workflows that are not the worker's"
    if "operation_outputs" in tables and _any(
        connection, "operation_outputs WHERE function_name IS NOT ?", STEP
    ):
        return "has steps that are not the worker's"
    if "workflow_input" in tables:
        return _wrong_inputs(connection, in_flight)
    return None


def _wrong_inputs(connection: sqlite3.Connection, in_flight: Mapping[str, int]) -> str | None:
    for workflow, job_id in in_flight.items():
        found = connection.execute(
            "SELECT inputs FROM workflow_input WHERE workflow_uuid = ?", (workflow,)
        )
        for (text,) in found:
            try:
                same = foreign.decode(text) == {"namedArgs": {}, "positionalArgs": [job_id]}
            except (TypeError, ValueError):
                same = False
            if not same:
                return f"starts {workflow} with other arguments than its job"
    return None


def _any(connection: sqlite3.Connection, rows: str, *values: str) -> bool:
    count = rows.count("?")
    query = f"SELECT EXISTS (SELECT 1 FROM {rows})"
    return bool(connection.execute(query, (*values, *values)[:count]).fetchone()[0])
