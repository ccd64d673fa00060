"""A whole store moved into another database, and compared there row by row."""

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from smile_trace.store.database import Database, StoreError
from smile_trace.store.database.packed import as_stored
from smile_trace.store.database.postgresql import SCHEMA
from smile_trace.store.database.sql import storable
from smile_trace.store.tables import metadata, workers

BATCH = 500
"""Rows in memory at once."""


def copy_store(source: Database, target: Database, place: str) -> dict[str, int]:
    """Copy everything but the registered workers, in one transaction of the target; returns the
    number of rows by table.

    Explanations under way begin again there with the answers that were paid for. Nobody may write
    to the source meanwhile; it stays as it is. `place`: prefix of the spool files' names there: a
    path means another file on another machine. Raises StoreError if the target is not empty, or a
    row arrived changed. Nothing was copied.
    """
    with source.read() as reading, target.write() as writing:
        tables = [table for table in metadata.sorted_tables if table is not workers]
        for table in tables:
            if writing.execute(select(table).limit(1)).first() is not None:
                raise StoreError(
                    f"{target.name} holds a store already (rows in {table.name}): copy into an "
                    "empty database."
                )
        return {table.name: _copy(table, reading, writing, place) for table in tables}


def _copy(table: Table, reading: Connection, writing: Connection, place: str) -> int:
    sent = _Digest()
    batch: list[dict[str, Any]] = []
    for row in _rows(table, reading):
        values = _placed(table, row, place)
        sent.add(values)
        batch.append(values)
        if len(batch) == BATCH:
            writing.execute(insert(table), batch)
            batch = []
    if batch:
        writing.execute(insert(table), batch)
    arrived = _Digest()
    for row in _rows(table, writing):
        arrived.add(row)
    if (sent.count, sent.value) != (arrived.count, arrived.value):
        raise StoreError(
            f"the rows of {table.name} did not arrive as they are ({sent.count} were sent, "
            f"{arrived.count} arrived): nothing was copied."
        )
    _go_on_counting(table, writing)
    return sent.count


class _Digest:
    """A count and a hash of rows in any order, since each database sorts texts its own way."""

    def __init__(self) -> None:
        self.count = self.value = 0

    def add(self, row: dict[str, Any]) -> None:
        said = repr([(name, _plain(value)) for name, value in sorted(row.items())])
        digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()
        self.count += 1
        self.value = (self.value + int.from_bytes(digest)) % 2**256


def _rows(table: Table, connection: Connection) -> Iterator[dict[str, Any]]:
    for row in connection.execute(select(*as_stored(table)).execution_options(yield_per=BATCH)):
        yield dict(row._mapping)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _placed(table: Table, row: dict[str, Any], place: str) -> dict[str, Any]:
    made = {name: storable(value) for name, value in row.items()}
    column = {"spool_files": "name", "traces": "file"}.get(table.name)
    if column is not None and made[column].startswith("/"):
        made[column] = f"{place}{made[column]}"
    return made


def _go_on_counting(table: Table, writing: Connection) -> None:
    """Let the next id be one that was never given out."""
    column = table.autoincrement_column
    if column is None or writing.dialect.name != "postgresql":
        return
    highest = writing.execute(select(func.max(column))).scalar()
    if highest is not None:
        name = f"{SCHEMA}.{table.name}"
        sequence = text("SELECT setval(pg_get_serial_sequence(:name, :column), :highest)")
        writing.execute(sequence, {"name": name, "column": column.name, "highest": highest})
