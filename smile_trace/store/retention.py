"""Retention: removes what is old or too much, never what a job or a delivery still needs."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select

from smile_trace.records import Record
from smile_trace.settings import Retention
from smile_trace.store.database import Database
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
    reservations,
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
    """What one round removed. `too_big` is set where the store is still beyond its size,
    because jobs and deliveries need all of the rest."""

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

    A trace goes with its calls, jobs, explanations and deliveries, once every tracker that
    ever got something has it. What was spent per day is kept for ever.

    Raises:
        StoreError: the store cannot be written; what was removed before stays removed.
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
        while not stopping() and (count := _remove_traces(database, now - retention.days * DAY)):
            gone += count
    too_big = False
    limit = None
    if retention.megabytes is not None and database.frees_space:  # else it would remove everything
        limit = retention.megabytes * 2**20
    while limit is not None and database.used_bytes() > limit and not stopping():
        if count := _remove_responses(database, now):
            stored_responses += count
        elif count := _remove_traces(database, now):
            gone += count
        else:
            too_big = True
            break
    database.shrink(stopping)
    return Removed(traces=gone, responses=stored_responses, corrupt_lines=lines, too_big=too_big)


def _remove_corrupt_lines(database: Database, days: float | None, now: float) -> int:
    if days is None:
        return 0
    with database.write() as connection:
        statement = delete(corrupt_lines).where(corrupt_lines.c.kept_at < now - days * DAY)
        return int(connection.execute(statement).rowcount)


def _remove_reservations(database: Database, before: float) -> None:
    # What they add up to stands in `spend`; orphans of that age will never be settled.
    day = time.strftime("%Y-%m-%d", time.gmtime(before))
    with database.write() as connection:
        connection.execute(delete(reservations).where(reservations.c.day < day))


def _remove_responses(database: Database, before: float) -> int:
    """Answers older than `before`, except those that a job under way may have paid for."""
    with database.write() as connection:
        query = select(func.min(jobs.c.created_at)).where(jobs.c.state.in_(UNFINISHED))
        begun = connection.execute(query).scalar()
        oldest = (
            select(responses.c.key)
            .where(responses.c.created_at < (before if begun is None else min(before, begun)))
            .order_by(responses.c.created_at)
            .limit(RESPONSES)
        )
        return int(
            connection.execute(delete(responses).where(responses.c.key.in_(oldest))).rowcount
        )


def _remove_traces(database: Database, before: float) -> int:
    with database.write() as connection:
        ids = _ids(connection, _removable(connection, before))
        if not ids:
            ids = _ids(connection, _imported(before))
        if ids:
            remove_traces(connection, ids)
        return len(ids)


def _ids(connection: Connection, query: Select[Any]) -> list[str]:
    return list(connection.execute(query).scalars())


def _removable(connection: Connection, before: float) -> Select[Any]:
    """Traces without a change since `before` that no job or delivery needs."""
    query = select(func.min(trackers.c.trace_position), func.min(trackers.c.explanation_position))
    seen_trace, seen_explanation = connection.execute(query).one()
    settled = traces.c.position.is_not(None)
    if seen_trace is not None:
        settled &= traces.c.position <= seen_trace
    waiting = select(deliveries.c.trace_id).where(deliveries.c.state == "waiting")
    undelivered = select(explanations.c.trace_id)
    if seen_explanation is None:
        undelivered = undelivered.where(explanations.c.created_at >= before)
    else:
        undelivered = undelivered.where(
            or_(explanations.c.id > seen_explanation, explanations.c.created_at >= before)
        )
    return (
        select(traces.c.trace_id)
        .where(
            traces.c.changed_at < before,
            or_(settled, traces.c.error.is_not(None)),
            traces.c.trace_id.not_in(waiting),
            traces.c.trace_id.not_in(undelivered),
            *(
                traces.c.trace_id.not_in(
                    select(table.c.trace_id).where(table.c.created_at >= before)
                )
                for table in (paths, profiles)
            ),
            traces.c.trace_id.not_in(_unfinished()),
            traces.c.trace_id.not_in(_replayed()),
        )
        .order_by(traces.c.changed_at)
        .limit(TRACES)
    )


def _imported(before: float) -> Select[Any]:
    """Traces of which only explanations are here."""
    newer = select(explanations.c.trace_id).where(explanations.c.created_at >= before)
    return (
        select(calls.c.trace_id)
        .where(
            calls.c.trace_id.not_in(select(traces.c.trace_id)),
            calls.c.trace_id.not_in(newer),
            calls.c.trace_id.not_in(_unfinished()),
            calls.c.trace_id.not_in(_replayed()),
        )
        .distinct()
        .limit(TRACES)
    )


def _unfinished() -> Select[Any]:
    """Traces with a call that is not decided about, or that is being explained."""
    return (
        select(calls.c.trace_id)
        .outerjoin(jobs, jobs.c.call_id == calls.c.id)
        .where(or_(calls.c.decided.is_(False), jobs.c.state.in_(UNFINISHED)))
    )


def _replayed() -> Select[Any]:
    """Traces with a request that is replayed every period: the set stays as it is."""
    return select(drift_cases.c.trace_id)


def remove_traces(connection: Connection, ids: Sequence[str]) -> None:
    """Remove traces with their calls, jobs, explanations and deliveries."""
    theirs = select(calls.c.id).where(calls.c.trace_id.in_(ids))
    connection.execute(delete(jobs).where(jobs.c.call_id.in_(theirs)))
    connection.execute(delete(explanations).where(explanations.c.call_id.in_(theirs)))
    of_drift = (drift_cases, drift_answers)
    for table in (calls, feedback, spans, deliveries, paths, profiles, *of_drift, traces):
        connection.execute(delete(table).where(table.c.trace_id.in_(ids)))
    for trace_id in ids:  # the scopes begin with a call's id; ";" follows ":"
        own = spend.c.key.between(f"{trace_id}:", f"{trace_id};")
        connection.execute(delete(spend).where(spend.c.scope == "explanation", own))
