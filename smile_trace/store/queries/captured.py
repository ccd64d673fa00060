"""Captured calls, each with the span that it was read from, and what became of it."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import and_, func, select

from smile_trace._guards.presentable import presentable
from smile_trace.records import Call, Span
from smile_trace.store.database import Database
from smile_trace.store.jobs import JobState
from smile_trace.store.tables import calls, explanations, jobs, spans, traces


class Captured(NamedTuple):
    """A call; `span` is None where it was imported. `state` is that of its newest job, None where
    the worker has not looked at it yet; `reason` says why it was skipped or failed, or what it
    waits for; `status` is that of its newest explanation."""

    call: Call
    span: Span | None
    state: JobState | None
    reason: str | None
    status: str | None


def read_captured(database: Database, *, since_ns: int, limit: int) -> Iterator[Captured]:
    """The newest calls that began after `since_ns` (Unix nanoseconds), in order of start."""
    same = and_(
        spans.c.trace_id == calls.c.trace_id,
        calls.c.id == spans.c.trace_id + ":" + spans.c.span_id,
    )
    of_call = jobs.alias()
    newest = select(func.max(of_call.c.id)).where(of_call.c.call_id == calls.c.id)
    status = (
        select(explanations.c.status)
        .where(explanations.c.call_id == calls.c.id)
        .order_by(explanations.c.id.desc())
        .limit(1)
    )
    query = (
        select(
            calls.c.body.label("call"),
            spans.c.body.label("span"),
            jobs.c.state,
            jobs.c.reason,
            status.scalar_subquery().label("status"),
        )
        .outerjoin(spans, same)
        .outerjoin(jobs, jobs.c.id == newest.scalar_subquery())
        .where(calls.c.start_ns >= since_ns)
        .order_by(calls.c.start_ns.desc(), calls.c.id.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    for row in reversed(rows):
        span = None if row.span is None else Span.model_validate_json(row.span)
        reason = row.reason and presentable(row.reason)
        yield Captured(Call.model_validate_json(row.call), span, row.state, reason, row.status)


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
