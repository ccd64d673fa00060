"""Counts of everything in the store, and how far behind things are, as of one moment."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator
from sqlalchemy import Connection, FromClause, Select, Table, and_, func, select

from smile_trace._guards.presentable import presentable
from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.records.explanation import FidelityStatus
from smile_trace.store.arrivals import LATE_SECONDS, Pulled, read_places
from smile_trace.store.database import Database
from smile_trace.store.jobs import JobState, Obstacles, is_newest, told_state, told_status
from smile_trace.store.outbox_news import Kind
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
    estimated: tuple[str, ...] = ()
    """The counts that are estimates, by the names that the command shows: of so many calls or
    deliveries a random part is read, and what is rare among them may be missing."""


# -- counting in a time that does not grow with the store ----------------------------------------
MOST = 20_000
"""So many rows are counted one by one."""


class Counting:
    """Counts rows by what a query says of them, as of one moment. Where these are more than `MOST`,
    a random part of the table is counted, and what is rare there may be missing."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self.estimated: set[str] = set()
        """The names of counts that are estimates, of three significant digits."""

    def by(
        self, name: str, table: Table, query: Callable[[FromClause], Select[Any]]
    ) -> Counter[Any]:
        """How often `query`, given the table or a part of it, gives each row; `name` is that of the
        count."""
        counts = self._counts(query(table).limit(MOST + 1))
        if counts.total() <= MOST:
            return counts
        self.estimated.add(name)
        part, times = self._database.random_part(self._connection, table)
        return Counter({row: _rounded(n * times) for row, n in self._counts(query(part)).items()})

    def _counts(self, query: Select[Any]) -> Counter[Any]:
        rows = query.subquery()
        counting = select(*rows.c, func.count()).group_by(*rows.c)
        return Counter({tuple(row[:-1]): row[-1] for row in self._connection.execute(counting)})


def _rounded(number: float) -> int:
    """With three significant digits."""
    unit = 10.0 ** max(0, math.floor(math.log10(number)) - 2)
    return round(round(number / unit) * unit)


def read_status(database: Database, today: str, refusal: Callable[[str], Reason | None]) -> Status:
    """Count everything, as of one moment. `today` is the ISO date of the daily caps, and `refusal`
    says why they let nothing more of a model through, None if they do."""
    with database.read() as connection:
        count = Counting(database, connection)
        states = _states(count)
        statuses = _statuses(count)
        skipped = _jobs_by_reason(count, "skipped")
        undecided = count.by(
            "undecided", calls, lambda one: select(one.c.decided).where(one.c.decided.is_(False))
        )
        incomplete = count.by(
            "still growing",
            traces,
            lambda one: select(one.c.error.is_(None)).where(one.c.position.is_(None)),
        )
        return Status(
            **{name: states[name] for name in get_args(JobState) if name != "skipped"},
            **{name: statuses[name] for name in (*get_args(FidelityStatus), "pooled")},
            skipped=skipped.total(),
            captured=count.by("captured", calls, lambda one: select(one.c.group_kind)).total(),
            open_traces=incomplete[(True,)],
            unreadable_traces=incomplete[(False,)],
            undecided=undecided.total(),
            sampled=sum(states.values()),
            sanity_checks=_sanity_checks(connection),
            skipped_by_reason=_ordered(skipped),
            failed_by_reason=_ordered(_jobs_by_reason(count, "failed")),
            pending_by_reason=_waited_for(count, connection, refusal),
            trackers=tuple(_trackers(count, connection)),
            sources=read_places(connection),
            workers=tuple(read_workers(connection)),
            corrupt_lines=connection.scalar(select(func.count()).select_from(corrupt_lines)) or 0,
            paused_models=_paused_models(connection),
            spent_today=_spent(connection, today),
            spent=_spent(connection, None),
            estimated=tuple(sorted(count.estimated)),
        )


def _states(count: Counting) -> Counter[str]:
    """Calls by the state that people are told, but for skipped ones, which are the most by far."""
    told = Counter[str]()
    for state in ("pending", "running", "explained", "failed"):
        found = count.by(state, jobs, partial(_newest_in, state))
        for (as_told,), number in found.items():
            told[as_told] += number
    return told


def _newest_in(state: str, job: FromClause) -> Select[Any]:
    return select(told_state(job)).where(job.c.state == state, is_newest(job))


def _statuses(count: Counting) -> Counter[str]:
    other = explanations.alias()

    def newest(one: FromClause) -> Select[Any]:
        later = (other.c.call_id == one.c.call_id) & (other.c.id > one.c.id)
        return select(told_status(one)).where(~select(other.c.id).where(later).exists())

    found = count.by("explained", explanations, newest)
    return Counter({status: n for (status,), n in found.items()})


def _sanity_checks(connection: Connection) -> tuple[Counted, ...]:
    outcome = explanations.c.sanity_check
    query = select(outcome, func.count()).where(outcome.is_not(None)).group_by(outcome)
    return tuple(Counted(reason=row[0], count=row[1]) for row in connection.execute(query))


def _jobs_by_reason(count: Counting, state: str) -> Counter[Any]:
    return count.by(
        state,
        jobs,
        lambda job: select(job.c.reason, job.c.reason_code).where(job.c.state == state),
    )


def _waited_for(
    count: Counting, connection: Connection, refusal: Callable[[str], Reason | None]
) -> tuple[Counted, ...]:
    """Why jobs are pending, the most frequent first."""
    obstacles = Obstacles(connection, refusal)
    found = count.by(
        "pending",
        jobs,
        lambda job: select(job.c.model, job.c.reason, job.c.reason_code).where(
            job.c.state == "pending"
        ),
    )
    counts = Counter[Any]()
    for (model, text, code), number in found.items():
        own = None if text is None else Reason(code, text)
        if (reason := obstacles.of(model, own)) is not None:
            counts[(reason.text, reason.code)] += number
    return _ordered(counts)


def _ordered(counts: Counter[Any]) -> tuple[Counted, ...]:
    """Counts by reason, the most frequent first."""
    known = [(reason, code, n) for (reason, code), n in counts.items() if reason is not None]
    known.sort(key=lambda one: (-one[2], one[0]))
    return tuple(Counted(reason=reason, code=code, count=n) for reason, code, n in known)


def _trackers(count: Counting, connection: Connection) -> Iterator[TrackerCounts]:
    for row in connection.execute(select(trackers).order_by(trackers.c.name)).all():
        waiting = _in_state(count, row.name, "waiting").total()
        delivered = _in_state(count, row.name, "delivered")
        why = _delivery_reasons(count, row.name)
        yield TrackerCounts(
            name=row.name,
            traces=delivered[("trace",)],
            explanations=delivered[("explanation",)],
            waiting=waiting,
            refused=why["refused"],
            waiting_for=why["waiting"],
            not_replaced=why["delivered"],
            paused=None if row.reason is None else _paused(row, waiting),
        )


def _in_state(count: Counting, tracker: str, state: str) -> Counter[Any]:
    """A tracker's deliveries by kind."""

    def kinds(one: FromClause) -> Select[Any]:
        # With its kinds named, the index on what is due has all of it.
        named = one.c.kind.in_(get_args(Kind))
        return select(one.c.kind).where(one.c.tracker == tracker, named, one.c.state == state)

    return count.by(f"to {tracker}", deliveries, kinds)


def _delivery_reasons(count: Counting, tracker: str) -> dict[str, tuple[Counted, ...]]:
    """Why a tracker's deliveries are in a state, where a reason is known."""

    def reasons(one: FromClause) -> Select[Any]:
        known = one.c.reason.is_not(None)
        told = one.c.state, one.c.reason, one.c.reason_code
        return select(*told).where(one.c.tracker == tracker, known)

    found: dict[str, Counter[Any]] = {
        name: Counter() for name in ("refused", "waiting", "delivered")
    }
    for (state, *why), number in count.by(f"to {tracker}", deliveries, reasons).items():
        if state in found:
            found[state][tuple(why)] = number
    return {state: _ordered(counts) for state, counts in found.items()}


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


def _spent(connection: Connection, day: str | None) -> Spent:
    query = select(
        *(func.coalesce(func.sum(spend.c[name]), 0) for name in Spent.model_fields)
    ).where(spend.c.scope == "day")
    if day is not None:
        query = query.where(spend.c.key == day)
    row = connection.execute(query).one()
    return Spent(**dict(zip(Spent.model_fields, row, strict=True)))
