"""How long texts are written."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, select

from smile_trace.semconv import release
from smile_trace.store.database.packed import pack
from smile_trace.store.tables import workers

Packing = Callable[[str, str], dict[str, Any]]
"""Gives the values of a text's column, and of `packed`."""


def own_release() -> str:
    """The release as which a worker registers."""
    return release() or "a checkout"


def packing(connection: Connection) -> Packing:
    """How texts are written in this transaction: packed, unless a worker of another release runs,
    which might not be able to read them."""
    others = select(workers.c.id).where(workers.c.release != own_release()).limit(1)
    return _leave if connection.execute(others).first() else _pack


def _pack(column: str, text: str) -> dict[str, Any]:
    return {column: "", "packed": pack(text)}


def _leave(column: str, text: str) -> dict[str, Any]:
    return {column: text, "packed": None}
