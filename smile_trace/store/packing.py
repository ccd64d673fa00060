"""How long texts are written."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, select

from smile_trace.semconv import release
from smile_trace.store.database.packed import pack
from smile_trace.store.tables import workers

CHECKOUT = "a checkout"
"""The release of a worker that was not installed."""

Packing = Callable[[str, str], dict[str, Any]]
"""Gives the values of a text's column, and of `packed`."""


def packing(connection: Connection) -> Packing:
    """How texts are written in this transaction: packed, unless a worker of another release runs,
    which might not be able to read them."""
    others = select(workers.c.id).where(workers.c.release != (release() or CHECKOUT)).limit(1)
    return _leave if connection.execute(others).first() else _pack


def _pack(column: str, text: str) -> dict[str, Any]:
    return {column: "", "packed": pack(text)}


def _leave(column: str, text: str) -> dict[str, Any]:
    return {column: text, "packed": None}
