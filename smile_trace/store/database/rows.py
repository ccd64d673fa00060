"""Many rows in one statement, given to the driver itself.

SQLAlchemy looks at each value of each row, which takes longer than SQLite does to write them; and
PostgreSQL takes longer for a statement a row than for the row. So the statement is compiled once;
PostgreSQL gets one array a column.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, Connection, Dialect, Table, bindparam, func, select, update
from sqlalchemy.types import NullType

from smile_trace.store.database.sql import Insert as Upsert
from smile_trace.store.database.sql import insert

Row = Mapping[str, Any]
OnConflict = Callable[[Upsert], Upsert]


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict
) -> None:
    """Insert rows, all of the same columns, which have no defaults here. `on_conflict`: a function
    that says in a statement what becomes of rows that are there, of which none may be twice."""
    if rows:
        _run(connection, _insert(table, on_conflict, connection.dialect, tuple(rows[0])), rows)


def update_rows(
    connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Set the other columns where the columns of `key` have the row's values."""
    if rows:
        _run(connection, _update(table, key, connection.dialect, tuple(rows[0])), rows)


def skip(statement: Upsert) -> Upsert:
    """Leave what is there as it is."""
    return statement.on_conflict_do_nothing()


Compiled = tuple[str, Sequence[tuple[str, Callable[[Any], Any] | None]]]


def _run(connection: Connection, compiled: Compiled, rows: Sequence[Row]) -> None:
    text, variables = compiled
    if connection.dialect.name == "postgresql":
        arrays: dict[str, Any] = {}
        for name, store in variables:
            column = [row[name] for row in rows]
            arrays[_OF + name] = column if store is None else store(column)
        connection.exec_driver_sql(text, arrays)
        return
    connection.exec_driver_sql(
        text,
        [
            tuple(row[name] if store is None else store(row[name]) for name, store in variables)
            for row in rows
        ],
    )


@lru_cache
def _insert(
    table: Table, on_conflict: OnConflict, dialect: Dialect, names: tuple[str, ...]
) -> Compiled:
    statement = insert(table)
    if dialect.name == "postgresql":
        statement = statement.from_select(names, select(*_arrays(table, names)))
    else:
        statement = statement.values({name: bindparam(_OF + name) for name in names})
    return _compiled(on_conflict(statement), dialect, names)


@lru_cache
def _update(
    table: Table, key: tuple[str, ...], dialect: Dialect, names: tuple[str, ...]
) -> Compiled:
    new: Any = {name: bindparam(_OF + name) for name in names}
    if dialect.name == "postgresql":
        new = select(*_arrays(table, names)).subquery("new").c
    values = {name: new[name] for name in names if name not in key}
    of_row = [table.c[name] == new[name] for name in key]
    return _compiled(update(table).where(*of_row).values(values), dialect, names)


def _arrays(table: Table, names: Sequence[str]) -> list[Any]:
    """A column each, whose rows are those of an array."""
    kinds = {name: ARRAY(table.c[name].type) for name in names}
    return [
        func.unnest(bindparam(_OF + name, type_=kinds[name]), type_=NullType()).label(name)
        for name in names
    ]


_OF = "of_"
"""Begins the name of a variable: SQLAlchemy keeps the columns' for itself."""


def _compiled(statement: Any, dialect: Dialect, names: Sequence[str]) -> Compiled:
    """Its text, and its variables with what makes their values storable."""
    compiled = statement.compile(dialect=dialect)
    variables = compiled.positiontup or [_OF + name for name in names]
    # In binary form, since psycopg escapes the texts of an array by an expression of Python.
    return str(compiled).replace(")s::", ")b::"), [
        (
            name.removeprefix(_OF),
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
        )
        for name in variables
    ]
