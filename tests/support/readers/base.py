"""A reader of foreign data as a check: bytes in, nothing out, an exception where it is broken."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError


@dataclass(frozen=True)
class ForeignReader:
    """What reads data that another program or person wrote.

    `read` gives the reader any bytes and sees that it keeps its promise: it lets the reader's own
    errors pass and raises everything else, an AssertionError among it. `seeds` are inputs from
    which others are made.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


def as_text(data: bytes) -> str:
    """Text that holds everything that a `str` can hold, halves of characters among it."""
    return data.decode("utf-8", "surrogatepass" if b"\xed" in data else "replace")


def any_text(data: bytes) -> str:
    """As `as_text`, of any bytes."""
    try:
        return as_text(data)
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def foreign_json(data: bytes) -> Any:
    """The JSON in `data` behind the gate.

    Raises:
        ForeignDataError: there is none.
    """
    return foreign.decode(data, lenient=True)


def decoded_reply(data: bytes) -> Any:
    """A reply as an HTTP client decodes it: Python's JSON, infinities among it.

    Raises:
        ForeignDataError: it is no JSON, or nested too deeply for Python.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ForeignDataError(str(error)) from None
