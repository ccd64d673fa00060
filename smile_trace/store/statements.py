"""Parts of statements that SQLite and PostgreSQL both take, or each in its own words."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, func, literal
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

# An INSERT that knows ON CONFLICT. Despite its name SQLite's compiler takes it as its own: both
# databases have the same grammar here.
__all__ = ["Insert", "age", "insert", "is_unset", "json_text"]


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


@compiles(json_text, "sqlite")
def _in_sqlite(element: json_text, compiler: Any, **how: Any) -> str:
    clauses = list(element.clauses)
    document, path = (compiler.process(clause, **how) for clause in clauses[:2])
    return f"CAST(json_extract({document}, {path}) AS TEXT)"


@compiles(json_text, "postgresql")
def _in_postgresql(element: json_text, compiler: Any, **how: Any) -> str:
    clauses = list(element.clauses)
    document, path = (compiler.process(clause, **how) for clause in (clauses[0], clauses[2]))
    return f"json_text({document}, CAST({path} AS TEXT[]))"


class age(FunctionElement[int]):
    """Grows with every new delivery. In SQLite it is part of the index, so that nothing has to be
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
