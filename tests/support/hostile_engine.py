"""Pickles that execute code, planted into every column that the engine decodes."""

import base64
import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

ENCODED = {
    "workflow_status": ("inputs", "output", "error"),
    "workflow_input": ("inputs",),
    "workflow_output": ("output", "error"),
    "operation_outputs": ("output", "error"),
    "notifications": ("message",),
    "workflow_events": ("value",),
    "workflow_events_history": ("value",),
    "streams": ("value",),
    "workflow_schedules": ("context",),
}
"""The columns of the engine's tables that hold encoded values."""
COLUMNS = [(table, column) for table, columns in ENCODED.items() for column in columns]


class Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def payload(marker: Path) -> str:
    """The text of a row that makes the folder `marker` where it is decoded as a pickle."""
    return base64.b64encode(pickle.dumps(Payload(marker))).decode()


def plant(database: Path, table: str, column: str, workflow: str, marker: Path) -> None:
    """Write the payload into a column of every row of that workflow; a row is made if needed."""
    text = payload(marker)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        _make_row(connection, table, workflow)
        connection.execute(f'UPDATE {table} SET "{column}" = ?', (text,))
        if column == "error":  # an output would be read in its place
            connection.execute(f"UPDATE {table} SET output = NULL")
        # Inputs and results take the serialization from the workflow's row.
        for of in {table, "workflow_status"} - {"workflow_input", "workflow_output"}:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({of})")]
            if "serialization" in names and (of == table or table.startswith("workflow_")):
                connection.execute(f"UPDATE {of} SET serialization = 'py_pickle'")


def _make_row(connection: sqlite3.Connection, table: str, workflow: str) -> None:
    rows: dict[str, tuple[str, tuple[object, ...]]] = {
        "workflow_input": ("(workflow_uuid) VALUES (?)", (workflow,)),
        "workflow_output": ("(workflow_uuid) VALUES (?)", (workflow,)),
        "operation_outputs": (
            "(workflow_uuid, function_id, function_name) VALUES (?, 1, 'round')",
            (workflow,),
        ),
        "notifications": ("(destination_uuid, message) VALUES (?, '')", (workflow,)),
        "workflow_events": ("(workflow_uuid, key, value) VALUES (?, 'a', '')", (workflow,)),
        "workflow_events_history": (
            "(workflow_uuid, function_id, key, value) VALUES (?, 1, 'a', '')",
            (workflow,),
        ),
        "streams": (
            "(workflow_uuid, key, value, offset) VALUES (?, 'a', '', 0)",
            (workflow,),
        ),
        "workflow_schedules": (
            "(schedule_id, schedule_name, workflow_name, schedule, context)"
            " VALUES ('1', 'a', 'explain', '* * * * * *', '')",
            (),
        ),
    }
    if table in rows:
        columns, values = rows[table]
        connection.execute(f"INSERT OR IGNORE INTO {table} {columns}", values)
