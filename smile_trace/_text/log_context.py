"""What log lines are about: ids that code on the way down need not know of to be logged with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, str | int]] = ContextVar("log_fields", default={})  # noqa: B039


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Give every line that is logged inside these fields, those of libraries included.

    Tasks and `asyncio.to_thread` take them along; a thread of one's own needs
    `contextvars.copy_context().run`. Not to be held over the `yield` of an iterator, whose
    consumer would be inside, too.

    Args:
        fields: `trace_id`, `call_id`, `job_id`, `model`, `tracker` or `source`; those of an outer
            `about` stay.
    """
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def log_fields() -> Mapping[str, str | int]:
    """The fields of a line that is logged here."""
    return _fields.get()
