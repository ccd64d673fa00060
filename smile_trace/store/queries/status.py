"""Counts of everything in the store, and how far behind things are, as of one moment."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator
from sqlalchemy import Connection, Select, and_, func, select

from smile_trace._guards.presentable import presentable
from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.records.explanation import FidelityStatus
from smile_trace.store.arrivals import LATE_SECONDS, Pulled, read_places
from smile_trace.store.database import Database
from smile_trace.store.jobs import JobState, is_newest, told_state, told_status
from smile_trace.store.outbox_news import Kind
from smile_trace.store.queries.waiting import Obstacles
from smile_trace.store.spending.accounts import Spent
from smile_trace.store.tables import (
    calls,
    corrupt_lines,
    deliveries,
    explanations,
    jobs,
    paused_models,
    spend,
    traces,
    trackers,
)
from smile_trace.store.workers import RegisteredWorker, read_workers

Stage = Literal["read", "explain", "deliver"]


class Lag(Record):
    """How many `seconds` the oldest waiting item has waited at a stage.

    It waits to be read from the source `name` (for a backend: since all of a `place` was read),
    explained by the model `name`, or delivered to the tracker `name`. Postponed and refused items
    do not wait.
    """

    stage: Stage
    name: str
    place: str = ""
    seconds: float


def read_lags(database: Database, now: float) -> tuple[Lag, ...]:
    """The lags of the store, and of the backends that are read into it; `now` is in Unix
    seconds."""
    with database.read() as connection:
        return (
            *_places(connection, now),
            *_models(connection, now),
            *_tracker_lags(connection, now),
        )


def _places(connection: Connection, now: float) -> Iterator[Lag]:
    for one in read_places(connection):
        if one.until_ms:  # else nothing of it was ever read
            behind = now - one.until_ms / 1000 - LATE_SECONDS
            yield Lag(stage="read", name=one.source, place=one.place, seconds=max(0.0, behind))


def _models(connection: Connection, now: float) -> Iterator[Lag]:
    """A job that was postponed and is due again waits since then."""
    due = (jobs.c.state == "pending") & (jobs.c.not_before <= now)
    query = select(func.coalesce(jobs.c.model, ""), func.min(jobs.c.changed_at)).where(due)
    for model, since in connection.execute(query.group_by(jobs.c.model)):
        yield Lag(stage="explain", name=model, seconds=max(0.0, now - since))


def _tracker_lags(connection: Connection, now: float) -> Iterator[Lag]:
    # With its kinds named, the index on what is due gives the waiting ones alone.
    waiting = (
        deliveries.c.tracker.in_(select(trackers.c.name))
        & deliveries.c.kind.in_(get_args(Kind))
        & (deliveries.c.state == "waiting")
    )
    query = select(deliveries.c.tracker, func.min(deliveries.c.created_at)).where(waiting)
    for tracker, since in connection.execute(query.group_by(deliveries.c.tracker)):
        yield Lag(stage="deliver", name=tracker, seconds=max(0.0, now - since))


Shown = Annotated[str, AfterValidator(presentable)]
"""Others' words, whoever stored them: workers of other releases may share the store."""


class Counted(Record):
    """How often something happened, and why; `code` if the reason has one."""

    reason: Shown
    code: ReasonCode | None = None
    count: int


class Paused(Record):
    """A model or tracker that takes nothing right now, and is tried again by itself. `tries` failed
    since `since`; the next comes at `next_try` (both in Unix seconds). `waiting` jobs or deliveries
    are for it."""

    name: str
    reason: Shown
    code: ReasonCode | None = None
    tries: int
    since: float
    next_try: float
    waiting: int


class TrackerCounts(Record):
    """A tracker's deliveries, done and waiting; `paused` is set while it takes nothing."""

    name: str
    traces: int = 0
    explanations: int = 0
    waiting: int = 0
    refused: tuple[Counted, ...] = ()
    waiting_for: tuple[Counted, ...] = ()
    not_replaced: tuple[Counted, ...] = ()
    paused: Paused | None = None

    @property
    def unavailable(self) -> str | None:
        """Why it takes nothing right now."""
        return None if self.paused is None else self.paused.reason


class Status(Record):
    """The whole state of a home.

    `captured` counts the calls of complete traces, `open_traces` those still growing. `sampled`
    calls are pending, running, explained or failed, by the newest job of each. `explained` includes
    all four statuses of an Explanation (`reliable` and the next three), pooled calls, and calls
    whose path or profile still waits.
    """

    captured: int
    open_traces: int
    unreadable_traces: int = 0
    undecided: int
    sampled: int
    pending: int
    running: int
    explained: int
    reliable: int
    partial: int
    no_effect: int
    inconclusive: int
    pooled: int = 0
    """Explained calls of which few perturbed prompts are pooled over their prompt's version."""
    sanity_checks: tuple[Counted, ...] = ()
    """Sanity checks by outcome, over all explanations that had one."""
    dropped_proxies: tuple[str, ...] = ()
    """Proxies that are not asked any more: whose, on which prompt, and why."""
    failed: int
    skipped: int
    skipped_by_reason: tuple[Counted, ...]
    failed_by_reason: tuple[Counted, ...]
    pending_by_reason: tuple[Counted, ...]
    trackers: tuple[TrackerCounts, ...]
    sources: tuple[Pulled, ...] = ()
    """Progress in the backends of `[sources.NAME]`, after the time for late spans."""
    workers: tuple[RegisteredWorker, ...] = ()
    """The workers of a shared store."""
    worker: str = ""
    """The output of `smile-trace health`."""
    healthy: bool = False
    corrupt_lines: int
    unread_files: int = 0
    """Spool files with contents that no worker has read yet."""
    spool_filled: float = 0.0
    """The share of its cap (`SMILE_TRACE_SPOOL_LIMIT`, as set here) that this home's spool takes;
    at 1 nothing more is captured or received."""
    lags: tuple[Lag, ...] = ()
    """How far behind reading, explaining and delivering are, where something waits."""
    lost: int = 0
    lost_by_reason: tuple[Counted, ...] = ()
    paused_models: tuple[Paused, ...] = ()
    spent_today: Spent
    spent: Spent


def read_status(database: Database, today: str, refusal: Callable[[str], Reason | None]) -> Status:
    """Count everything, as of one moment. `today` is the ISO date of the daily caps, and `refusal`
    says why they let nothing more of a model through, None if they do."""
    with database.read() as connection:
        sure = jobs.c.state == "skipped"  # the most by far; a retry leaves none behind
        told = select(told_state().label("state")).where(sure | is_newest()).subquery()
        by_state = select(told.c.state, func.count()).group_by(told.c.state)
        states = {row[0]: row[1] for row in connection.execute(by_state)}
        statuses = _statuses(connection)
        working = sum(states.get(s, 0) for s in ("pending", "running", "explained", "failed"))
        return Status(
            **{name: states.get(name, 0) for name in get_args(JobState)},
            **{name: statuses.get(name, 0) for name in (*get_args(FidelityStatus), "pooled")},
            captured=_count(connection, calls),
            open_traces=_count(
                connection, traces, and_(traces.c.position.is_(None), traces.c.error.is_(None))
            ),
            unreadable_traces=_count(connection, traces, traces.c.error.is_not(None)),
            undecided=_count(connection, calls, calls.c.decided.is_(False)),
            sampled=working,
            sanity_checks=_sanity_checks(connection),
            skipped_by_reason=_reasons(connection, "skipped"),
            failed_by_reason=_reasons(connection, "failed"),
            pending_by_reason=_waited_for(connection, refusal),
            trackers=_trackers(connection),
            sources=read_places(connection),
            workers=tuple(read_workers(connection)),
            corrupt_lines=_count(connection, corrupt_lines),
            paused_models=_paused_models(connection),
            spent_today=_spent(connection, today),
            spent=_spent(connection, None),
        )


def _count(connection: Connection, table, where=None) -> int:  # type: ignore[no-untyped-def]
    query = select(func.count()).select_from(table)
    return int(connection.execute(query if where is None else query.where(where)).scalar_one())


def _statuses(connection: Connection) -> dict[str, int]:
    newest = select(func.max(explanations.c.id)).group_by(explanations.c.call_id)
    told = select(told_status().label("status")).where(explanations.c.id.in_(newest)).subquery()
    query = select(told.c.status, func.count()).group_by(told.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}


def _sanity_checks(connection: Connection) -> tuple[Counted, ...]:
    outcome = explanations.c.sanity_check
    query = select(outcome, func.count()).where(outcome.is_not(None)).group_by(outcome)
    return tuple(Counted(reason=row[0], count=row[1]) for row in connection.execute(query))


def _reasons(connection: Connection, state: str) -> tuple[Counted, ...]:
    which = select(jobs.c.reason, jobs.c.reason_code).where(jobs.c.state == state)
    return _by_reason(connection, which)


def _waited_for(
    connection: Connection, refusal: Callable[[str], Reason | None]
) -> tuple[Counted, ...]:
    """Why jobs are pending, the most frequent first."""
    obstacles = Obstacles(connection, refusal)
    which = (jobs.c.model, jobs.c.reason, jobs.c.reason_code)
    query = select(*which, func.count()).where(jobs.c.state == "pending").group_by(*which)
    counts = Counter[Reason]()
    for model, text, code, count in connection.execute(query).all():
        own = None if text is None else Reason(code, text)
        if (reason := obstacles.of(model, own)) is not None:
            counts[reason] += count
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0].text))
    return tuple(Counted(reason=r.text, code=r.code, count=n) for r, n in ordered)


def _by_reason(connection: Connection, which: Select[Any]) -> tuple[Counted, ...]:
    """Count the rows of `which` by their reason; the most frequent first."""
    found = which.subquery()
    count = func.count()
    query = (
        select(found.c.reason, found.c.reason_code, count)
        .where(found.c.reason.is_not(None))
        .group_by(found.c.reason, found.c.reason_code)
        .order_by(count.desc(), found.c.reason)
    )
    return tuple(Counted(reason=r, code=c, count=n) for r, c, n in connection.execute(query))


def _trackers(connection: Connection) -> tuple[TrackerCounts, ...]:
    made = []
    for row in connection.execute(select(trackers).order_by(trackers.c.name)).all():
        query = (
            select(deliveries.c.kind, deliveries.c.state, func.count())
            .where(deliveries.c.tracker == row.name)
            .group_by(deliveries.c.kind, deliveries.c.state)
        )
        counts = connection.execute(query).all()
        waiting = sum(n for _, state, n in counts if state == "waiting")
        delivered = {kind: n for kind, state, n in counts if state == "delivered"}
        made.append(
            TrackerCounts(
                name=row.name,
                traces=delivered.get("trace", 0),
                explanations=delivered.get("explanation", 0),
                waiting=waiting,
                refused=_undelivered(connection, row.name, "refused"),
                waiting_for=_undelivered(connection, row.name, "waiting"),
                not_replaced=_undelivered(connection, row.name, "delivered"),
                paused=None if row.reason is None else _paused(row, waiting),
            )
        )
    return tuple(made)


def _paused_models(connection: Connection) -> tuple[Paused, ...]:
    query = (
        select(paused_models, func.count(jobs.c.id).label("waiting"))
        .outerjoin(jobs, and_(jobs.c.model == paused_models.c.name, jobs.c.state == "pending"))
        .group_by(paused_models.c.name)
    )
    return tuple(_paused(row, row.waiting) for row in connection.execute(query))


def _paused(row, waiting: int) -> Paused:  # type: ignore[no-untyped-def]
    return Paused(
        name=row.name,
        reason=row.reason,
        code=row.reason_code,
        tries=row.failures,
        since=row.since or 0.0,
        next_try=row.not_before,
        waiting=waiting,
    )


def _undelivered(connection: Connection, tracker: str, state: str) -> tuple[Counted, ...]:
    which = select(deliveries.c.reason, deliveries.c.reason_code).where(
        deliveries.c.tracker == tracker, deliveries.c.state == state
    )
    return _by_reason(connection, which)


def _spent(connection: Connection, day: str | None) -> Spent:
    query = select(
        *(func.coalesce(func.sum(spend.c[name]), 0) for name in Spent.model_fields)
    ).where(spend.c.scope == "day")
    if day is not None:
        query = query.where(spend.c.key == day)
    row = connection.execute(query).one()
    return Spent(**dict(zip(Spent.model_fields, row, strict=True)))
