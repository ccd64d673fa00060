"""The context of log lines: ids that the code further down logs without knowing them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, str | int]] = ContextVar("log_fields", default={})  # noqa: B039


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Give these fields to every line that is logged inside, those of libraries included.

    Tasks and `asyncio.to_thread` inherit them; a thread of one's own needs
    `contextvars.copy_context().run`. Do not hold it over an iterator's `yield`: its consumer would
    be inside, too. `fields`: `trace_id`, `call_id`, `job_id`, `model`, `tracker` or `source`; outer
    fields stay.
    """
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def log_fields() -> Mapping[str, str | int]:
    """The fields of a line that is logged here."""
    return _fields.get()
