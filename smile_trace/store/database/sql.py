"""Statements and column types for both databases."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

__all__ = [
    "INTEGER",
    "STRING",
    "TEXT",
    "Insert",
    "age",
    "among",
    "insert",
    "is_unset",
    "json_text",
    "storable",
    "upsert",
]
# An INSERT that knows ON CONFLICT. Despite its name SQLite's compiler takes it as its own: both
# databases have the same grammar here.


def upsert(table: Table, row: Mapping[str, Any]) -> Insert:
    """An INSERT of a row that replaces the row with its primary key."""
    key = list(table.primary_key.columns)
    return insert(table).values(row).on_conflict_do_update(index_elements=key, set_=row)


class json_text(FunctionElement[str]):
    """A field of a JSON document as text, NULL where it is missing: `json_text(body, "a", "b")`.

    Numbers and objects are JSON; true and false are 1 and 0 in SQLite.
    """

    type = Text()
    inherit_cache = True
    name = "json_text"

    def __init__(self, document: ColumnElement[str], *path: str) -> None:
        # Bound as values, not written into the statement, which is cached by its text.
        in_sqlite = literal("$" + "".join(f'."{name}"' for name in path))
        in_postgresql = literal("{" + ",".join(f'"{name}"' for name in path) + "}")
        super().__init__(document, in_sqlite, in_postgresql)


def is_unset(document: ColumnElement[str], *path: str) -> ColumnElement[bool]:
    """Whether a field of a JSON document is false or missing."""
    return func.coalesce(json_text(document, *path), "0").in_(("0", "false"))


def _written(
    element: FunctionElement[Any], compiler: Any, how: Mapping[str, Any], *places: int
) -> list[str]:
    """The SQL of some of an element's clauses."""
    clauses = list(element.clauses)
    return [compiler.process(clauses[place], **how) for place in places]


@compiles(json_text, "sqlite")
def _in_sqlite(element: json_text, compiler: Any, **how: Any) -> str:
    document, path = _written(element, compiler, how, 0, 1)
    return f"CAST(json_extract({document}, {path}) AS TEXT)"


@compiles(json_text, "postgresql")
def _in_postgresql(element: json_text, compiler: Any, **how: Any) -> str:
    document, path = _written(element, compiler, how, 0, 2)
    return f"json_text({document}, CAST({path} AS TEXT[]))"


class among(FunctionElement[int]):
    """Whether a text or an integer is one of many: `among(column, values)`. They are one variable,
    of which a statement has a bounded number; any number of them makes the same statement."""

    type = Integer()  # of a boolean SQLite would ask whether it is 1, and use no index
    inherit_cache = True
    name = "among"

    def __init__(
        self, column: ColumnElement[Any], values: Sequence[str] | Sequence[int] | None = None
    ) -> None:
        """Without values: those of `of_many`, when the statement is executed."""
        kind = ARRAY(BigInteger() if isinstance(column.type, Integer) else Text())
        if values is None:
            super().__init__(
                column, bindparam("as_json", type_=Text()), bindparam("many", type_=kind)
            )
        else:
            given = of_many(values)
            super().__init__(column, literal(given["as_json"]), literal(given["many"], kind))


def of_many(values: Sequence[str] | Sequence[int]) -> dict[str, Any]:
    """The variables of a statement with one `among` without values."""
    return {"as_json": json.dumps(values), "many": list(map(storable, values))}


@compiles(among, "sqlite")
def _among_in_sqlite(element: among, compiler: Any, **how: Any) -> str:
    column, values = _written(element, compiler, how, 0, 1)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(among, "postgresql")
def _among_in_postgresql(element: among, compiler: Any, **how: Any) -> str:
    column, values = _written(element, compiler, how, 0, 2)
    return f"{column} = ANY ({values})"


class age(FunctionElement[int]):
    """Grows with every new delivery; in SQLite part of the index, so that nothing must be
    sorted."""

    type = Integer()
    inherit_cache = True
    name = "age"


@compiles(age, "sqlite")
def _rowid(element: age, compiler: Any, **how: Any) -> str:
    return "deliveries.rowid"


@compiles(age, "postgresql")
def _place(element: age, compiler: Any, **how: Any) -> str:
    return "(deliveries.created_at, deliveries.ctid)"


def storable(value: Any) -> Any:
    """The value as both databases keep it: NUL in a text becomes U+FFFD."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


class _WithoutNul(TypeDecorator[str]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Replace NUL, in stored and in compared texts."""
        return storable(value)


# Ids are compared with what lies between two of them, and keys are put in order: as bytes, as
# SQLite does it, whatever the language of the database.
_AS_BYTES = _WithoutNul(collation="C")

STRING = String().with_variant(_AS_BYTES, "postgresql")
TEXT = Text().with_variant(_AS_BYTES, "postgresql")
INTEGER = Integer().with_variant(BigInteger(), "postgresql")
"""A 64-bit integer, as all of SQLite's are."""
