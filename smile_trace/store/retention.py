"""Retention removes what is old or too much, never what a job or a delivery still needs. A
forgotten trace leaves a hash of its id, so that nothing of it comes back."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Exists,
    FromClause,
    Select,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from smile_trace.records import Record
from smile_trace.settings import Retention
from smile_trace.store.database import Database
from smile_trace.store.forgotten import trace_hash
from smile_trace.store.tables import (
    calls,
    corrupt_lines,
    deliveries,
    drift_answers,
    drift_cases,
    explanations,
    feedback,
    jobs,
    paths,
    profiles,
    requested,
    reservations,
    resources,
    responses,
    spans,
    spend,
    traces,
    trackers,
)

logger = logging.getLogger(__name__)

DAY = 86400.0
TRACES, RESPONSES = 200, 2000
"""How many are removed in one transaction."""
UNFINISHED = ("pending", "running")


class Removed(Record):
    """The counts of one round. `too_big`: the store is still beyond its size, because jobs and
    deliveries need all of the rest."""

    traces: int = 0
    responses: int = 0
    corrupt_lines: int = 0
    too_big: bool = False


def apply_retention(
    database: Database,
    retention: Retention,
    *,
    clock: Callable[[], float] = time.time,
    stopping: Callable[[], bool] = lambda: False,
) -> Removed:
    """Remove what `retention` does not keep, in small transactions, oldest first.

    A trace goes with its calls, jobs, explanations and deliveries, once every tracker that ever got
    something has it. Spending per day is kept for ever. After a StoreError, earlier removals stand.
    """
    now = clock()
    gone = stored_responses = 0
    lines = _remove_corrupt_lines(database, retention.corrupt_line_days, now)
    if retention.response_days is not None:
        before = now - retention.response_days * DAY
        _remove_reservations(database, before)
        while not stopping() and (count := _remove_responses(database, before)):
            stored_responses += count
    if retention.days is not None:
        _remove_requested(database, now - retention.days * DAY)
        old = _Traces(database, now - retention.days * DAY)
        while not stopping() and (count := old.remove_some()):
            gone += count
    too_big = False
    every = _Traces(database, now)
    most = retention.megabytes if database.frees_space else None  # else it would remove everything
    while most is not None and database.used_bytes() > most * 2**20 and not stopping():
        if count := _remove_responses(database, now):
            stored_responses += count
        elif count := every.remove_some():
            gone += count
        else:
            too_big = True
            break
    database.shrink(stopping)
    return Removed(traces=gone, responses=stored_responses, corrupt_lines=lines, too_big=too_big)


def _remove_corrupt_lines(database: Database, days: float | None, now: float) -> int:
    if days is None:
        return 0
    old = corrupt_lines.c.kept_at < now - days * DAY
    return database.change(delete(corrupt_lines).where(old))


def _remove_requested(database: Database, before: float) -> None:
    """Remove what people asked about traces that only backends hold, where it is that old."""
    old = requested.c.created_at < before
    database.change(delete(requested).where(old, ~_of(requested.c.trace_id, traces)))


def _remove_reservations(database: Database, before: float) -> None:
    # What they add up to stands in `spend`; orphans of that age will never be settled.
    day = time.strftime("%Y-%m-%d", time.gmtime(before))
    database.change(delete(reservations).where(reservations.c.day < day))


def _remove_responses(database: Database, before: float) -> int:
    """Remove answers older than `before`, except those that a job under way may have paid for."""
    with database.write() as connection:
        query = select(func.min(jobs.c.created_at)).where(jobs.c.state.in_(UNFINISHED))
        begun = connection.execute(query).scalar()
        oldest = (
            select(responses.c.key)
            .where(responses.c.created_at < (before if begun is None else min(before, begun)))
            .order_by(responses.c.created_at)
            .limit(RESPONSES)
        )
        gone = delete(responses).where(responses.c.key.in_(oldest))
        return int(connection.execute(gone).rowcount)


class _Traces:
    """The removable traces without a change since `before`, oldest first. It goes on behind the
    last removed one, so that a trace that has to stay is passed once."""

    def __init__(self, database: Database, before: float) -> None:
        self._database = database
        self._before = before
        self._last: tuple[float, str] | None = None

    def remove_some(self) -> int:
        """Remove the next ones in one transaction; returns how many."""
        with self._database.write() as connection:
            found = connection.execute(self._next(connection)).all()
            ids = [row.trace_id for row in found]
            if found:
                self._last = found[-1].changed_at, found[-1].trace_id
            else:
                ids = list(connection.execute(_imported(self._before)).scalars())
            if ids:
                remove_traces(connection, ids)
            return len(ids)

    def _next(self, connection: Connection) -> Select[tuple[str, float]]:
        seen_trace = connection.scalar(select(func.min(trackers.c.trace_position)))
        seen_explanation = connection.scalar(select(func.min(trackers.c.explanation_position)))
        settled = traces.c.position.is_not(None)
        if seen_trace is not None:
            settled &= traces.c.position <= seen_trace
        undelivered = explanations.c.created_at >= self._before
        if seen_explanation is not None:
            undelivered |= explanations.c.id > seen_explanation
        place = tuple_(traces.c.changed_at, traces.c.trace_id)
        return (
            select(traces.c.trace_id, traces.c.changed_at)
            .where(
                traces.c.changed_at < self._before,
                *([] if self._last is None else [place > self._last]),
                or_(settled, traces.c.error.is_not(None)),
                ~_of(traces.c.trace_id, deliveries, deliveries.c.state == "waiting"),
                ~_of(traces.c.trace_id, explanations, undelivered),
                *(
                    ~_of(traces.c.trace_id, table, table.c.created_at >= self._before)
                    for table in (paths, profiles, requested)
                ),
                *_not_needed(traces.c.trace_id),
            )
            .order_by(traces.c.changed_at, traces.c.trace_id)
            .limit(TRACES)
        )


def _imported(before: float) -> Select[tuple[str]]:
    """Traces that left only explanations here."""
    trace_id = explanations.c.trace_id
    newer = explanations.alias()
    return (
        select(trace_id)
        .where(
            explanations.c.created_at < before,
            ~_of(trace_id, traces),
            ~_of(trace_id, newer, newer.c.created_at >= before),
            *_not_needed(trace_id),
        )
        .distinct()
        .limit(TRACES)
    )


def _not_needed(trace_id: Column[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions that no call of the trace is undecided about, being explained, or replayed for
    drift."""
    theirs = calls.alias()
    job = select(jobs.c.id).where(jobs.c.call_id == theirs.c.id, jobs.c.state.in_(UNFINISHED))
    yield ~_of(trace_id, theirs, or_(theirs.c.decided.is_(False), job.exists()))
    yield ~_of(trace_id, drift_cases)


def _of(trace_id: Column[str], table: FromClause, *which: ColumnElement[bool]) -> Exists:
    return select(table.c.trace_id).where(table.c.trace_id == trace_id, *which).exists()


def remove_traces(connection: Connection, ids: Sequence[str]) -> None:
    """Remove traces with their calls, jobs, explanations and deliveries."""
    theirs = select(calls.c.id).where(calls.c.trace_id.in_(ids))
    connection.execute(delete(jobs).where(jobs.c.call_id.in_(theirs)))
    connection.execute(delete(explanations).where(explanations.c.call_id.in_(theirs)))
    of_drift = (drift_cases, drift_answers)
    theirs = select(spans.c.resource).where(spans.c.trace_id.in_(ids)).distinct()
    unused = [one for one in connection.execute(theirs).scalars() if one is not None]
    tables = (calls, feedback, spans, deliveries, paths, profiles, requested, *of_drift, traces)
    for table in tables:
        connection.execute(delete(table).where(table.c.trace_id.in_(ids)))
    used = select(spans.c.trace_id).where(spans.c.resource == resources.c.hash).exists()
    for start in range(0, len(unused), TRACES):
        some = resources.c.hash.in_(unused[start : start + TRACES])
        connection.execute(delete(resources).where(some, ~used))
    # The scopes begin with the hash of a trace's id, once with the id itself; ";" follows ":".
    beginnings = [beginning for one in ids for beginning in (trace_hash(one), one)]
    own = or_(*(spend.c.key.between(f"{one}:", f"{one};") for one in beginnings))
    connection.execute(delete(spend).where(spend.c.scope == "explanation", own))
