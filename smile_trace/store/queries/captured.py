"""Captured calls, each with the span that it was read from."""

from collections.abc import Iterator

from sqlalchemy import and_, select

from smile_trace.records import Call, Span
from smile_trace.store.database import Database
from smile_trace.store.tables import calls, spans, traces


def read_captured(
    database: Database, *, since_ns: int, limit: int
) -> Iterator[tuple[Call, Span | None]]:
    """The newest calls that began after `since_ns` (Unix nanoseconds), in order of start."""
    same = and_(
        spans.c.trace_id == calls.c.trace_id,
        calls.c.id == spans.c.trace_id + ":" + spans.c.span_id,
    )
    query = (
        select(calls.c.body.label("call"), spans.c.body.label("span"))
        .outerjoin(spans, same)
        .where(calls.c.start_ns >= since_ns)
        .order_by(calls.c.start_ns.desc(), calls.c.id.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    for row in reversed(rows):
        span = None if row.span is None else Span.model_validate_json(row.span)
        yield Call.model_validate_json(row.call), span


def newest_calls(database: Database, name: str, limit: int) -> list[Call]:
    """The newest calls of a prompt, or of a function without one; the newest first."""
    query = (
        select(calls.c.body)
        .where(calls.c.group_name == name)
        .order_by(calls.c.start_ns.desc(), calls.c.id.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).scalars().all()
    return [Call.model_validate_json(row) for row in rows]


def newest_traces(database: Database, limit: int) -> list[str]:
    """The ids of the complete traces that changed last."""
    query = (
        select(traces.c.trace_id)
        .where(traces.c.position.is_not(None))
        .order_by(traces.c.changed_at.desc())
        .limit(limit)
    )
    with database.read() as connection:
        return list(connection.execute(query).scalars())
