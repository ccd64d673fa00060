"""The outbox: what each tracker still has to receive, and what it received."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.store.database import Database
from smile_trace.store.tables import (
    calls,
    deliveries,
    explanations,
    jobs,
    paths,
    removals,
    traces,
    trackers,
)

Kind = Literal["trace", "explanation", "path", "unexplained"]
"""`unexplained`: that a call was skipped or failed, and why."""

MOST_UNEXPLAINED = 1000
"""Calls that wait for a tracker to be told why they are not explained. Where more come than it
takes, it is told of the newest: each takes a request, and of most calls a service explains none."""

NOT_REPLACED = Reason(
    ReasonCode.NOT_REPLACED,
    "a newer explanation was not sent: this tracker cannot replace the one that it has",
)

_AGE: ColumnElement[int] = literal_column("deliveries.rowid")
"""Grows with every new delivery, and is part of the index, so that nothing has to be sorted."""


class Delivery(Record):
    """One thing on its way to one tracker. `item` is a trace id or a call id."""

    tracker: str
    kind: Kind
    item: str
    trace_id: str
    attempts: int
    traced_as: str | None = None
    """For what belongs into a trace: the id under which the tracker received that."""


class TrackerState(Record):
    """How a tracker is doing; `reason` is set while it takes nothing."""

    name: str
    failures: int = 0
    reason: str | None = None
    reason_code: ReasonCode | None = None
    since: float | None = None
    not_before: float = 0.0


class Outbox:
    """Deliveries, traces before their explanations, each tracker for itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fill(
        self,
        tracker: str,
        *,
        now: float,
        traces_too: bool = True,
        paths_too: bool = False,
        unexplained_too: bool = False,
        replaces: bool = True,
    ) -> None:
        """Put what was completed or explained since the last time into the tracker's outbox.

        What was delivered and has changed since (a late span, a newer explanation) waits again.

        Args:
            traces_too: False for a tracker that takes explanations alone.
            paths_too: whether it shows the paths of traces.
            unexplained_too: whether it is told why calls are not explained.
            replaces: False for a tracker that shows the first explanation of a call for good.
        """
        with self._database.write() as connection:
            connection.execute(insert(trackers).values(name=tracker).on_conflict_do_nothing())
            row = connection.execute(select(trackers).where(trackers.c.name == tracker)).one()
            last_trace = connection.execute(select(func.max(traces.c.position))).scalar() or 0
            last_explanation = connection.execute(select(func.max(explanations.c.id))).scalar() or 0
            last_path = connection.execute(select(func.max(paths.c.id))).scalar() or 0
            if not traces_too:  # 0.1 queued them
                connection.execute(
                    delete(deliveries).where(
                        deliveries.c.tracker == tracker, deliveries.c.kind == "trace"
                    )
                )
            elif last_trace > row.trace_position:
                _enqueue(
                    connection,
                    _waiting(tracker, "trace", traces.c.trace_id, traces.c.trace_id, now).where(
                        traces.c.position > row.trace_position
                    ),
                )
            if last_explanation > row.explanation_position:
                _enqueue(
                    connection,
                    _waiting(
                        tracker, "explanation", explanations.c.call_id, explanations.c.trace_id, now
                    )
                    .where(
                        explanations.c.id > row.explanation_position,
                        # An imported one may have no trace here, and so no place there.
                        explanations.c.trace_id.in_(select(traces.c.trace_id)),
                    )
                    .distinct(),
                    again=replaces,
                )
            if paths_too and last_path > row.path_position:
                _enqueue(
                    connection,
                    _waiting(tracker, "path", paths.c.trace_id, paths.c.trace_id, now)
                    .where(paths.c.id > row.path_position)
                    .distinct(),
                )
            connection.execute(
                update(trackers)
                .where(trackers.c.name == tracker)
                .values(
                    trace_position=last_trace,
                    explanation_position=last_explanation,
                    path_position=last_path,
                )
            )
            if unexplained_too:
                _enqueue_unexplained(connection, tracker, now)
            _settle_orphans(connection, tracker)

    def due_traces(self, tracker: str, *, now: float, limit: int) -> list[Delivery]:
        """Traces whose time has come, oldest first."""
        return self._due(tracker, "trace", now, limit)

    def _due(self, tracker: str, kind: Kind, now: float, limit: int) -> list[Delivery]:
        query = (
            select(deliveries)
            .where(_due(tracker, kind, now))
            .order_by(deliveries.c.not_before, _AGE)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def due_explanations(
        self, tracker: str, *, now: float, limit: int, traces_too: bool = True
    ) -> list[Delivery]:
        """Explanations whose time has come and whose trace has arrived.

        Args:
            traces_too: False for a tracker that takes explanations alone: none waits for a trace.
        """
        if not traces_too:
            return self._due(tracker, "explanation", now, limit)
        return self._due_in_traces(tracker, "explanation", now, limit)

    def due_paths(self, tracker: str, *, now: float, limit: int) -> list[Delivery]:
        """Paths whose time has come and whose trace has arrived."""
        return self._due_in_traces(tracker, "path", now, limit)

    def due_unexplained(self, tracker: str, *, now: float, limit: int) -> list[Delivery]:
        """Calls that are not explained, whose time has come and whose trace has arrived."""
        return self._due_in_traces(tracker, "unexplained", now, limit)

    def _due_in_traces(self, tracker: str, kind: Kind, now: float, limit: int) -> list[Delivery]:
        trace = deliveries.alias("trace")
        query = (
            select(deliveries, trace.c.external_id.label("traced_as"))
            .join(
                trace,
                and_(
                    trace.c.tracker == deliveries.c.tracker,
                    trace.c.kind == "trace",
                    trace.c.item == deliveries.c.trace_id,
                ),
            )
            .where(_due(tracker, kind, now), trace.c.state == "delivered")
            .order_by(deliveries.c.not_before, _AGE)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_delivery(row, row.traced_as) for row in connection.execute(query)]

    @contextmanager
    def settling(self) -> Iterator["Settling"]:
        """Record the outcomes of a batch in one transaction."""
        with self._database.write() as connection:
            settling = Settling()
            yield settling
            settling.write(connection)

    def state(self, tracker: str) -> TrackerState:
        """How the tracker is doing."""
        with self._database.read() as connection:
            row = connection.execute(
                select(trackers).where(trackers.c.name == tracker)
            ).one_or_none()
        if row is None:
            return TrackerState(name=tracker)
        return TrackerState(**{name: row._mapping[name] for name in TrackerState.model_fields})

    def note_state(self, state: TrackerState) -> None:
        """Keep how the tracker is doing."""
        row = state.model_dump()
        with self._database.write() as connection:
            statement = insert(trackers).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    def wake(self, tracker: str) -> None:
        """Try everything that waits at once, whatever was to be waited for."""
        with self._database.write() as connection:
            connection.execute(
                update(trackers).where(trackers.c.name == tracker).values(not_before=0.0)
            )
            connection.execute(
                update(deliveries)
                .where(deliveries.c.tracker == tracker, deliveries.c.state == "waiting")
                .values(not_before=0.0)
            )

    def names(self) -> list[str]:
        """Every tracker that ever got something."""
        with self._database.read() as connection:
            return list(
                connection.execute(select(trackers.c.name).order_by(trackers.c.name)).scalars()
            )

    def forget(self, tracker: str) -> int:
        """Drop what waits for a tracker, and what it got; returns how many waited.

        Nothing is removed on the tracker itself. Should it come back, it gets everything that is
        in the store anew.
        """
        theirs = deliveries.c.tracker == tracker
        with self._database.write() as connection:
            waiting = select(func.count()).where(theirs, deliveries.c.state == "waiting")
            count = int(connection.execute(waiting).scalar_one())
            connection.execute(delete(deliveries).where(theirs))
            connection.execute(delete(removals).where(removals.c.tracker == tracker))
            connection.execute(delete(trackers).where(trackers.c.name == tracker))
        return count

    def next_due(self, tracker: str) -> float | None:
        """When the next waiting delivery may be tried; None where none waits."""
        query = select(func.min(deliveries.c.not_before)).where(
            deliveries.c.tracker == tracker, deliveries.c.state == "waiting"
        )
        with self._database.read() as connection:
            due = connection.execute(query).scalar()
            paused = connection.execute(
                select(trackers.c.not_before).where(trackers.c.name == tracker)
            ).scalar()
        return None if due is None else max(due, paused or 0.0)


class Settling:
    """Collects the outcomes of deliveries, to be written together."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], list[dict[str, object]]] = {}  # by columns to be set

    def write(self, connection: Connection) -> None:
        """Write what was noted; a statement for each kind of outcome, not for each delivery."""
        for columns, rows in self._rows.items():
            statement = update(deliveries).where(
                deliveries.c.tracker == bindparam("of_tracker"),
                deliveries.c.kind == bindparam("of_kind"),
                deliveries.c.item == bindparam("of_item"),
            )
            connection.execute(statement.values({name: bindparam(name) for name in columns}), rows)

    def delivered(self, delivery: Delivery, external_id: str, url: str | None) -> None:
        """It arrived."""
        attempts = delivery.attempts + 1
        self._set(
            delivery,
            state="delivered",
            attempts=attempts,
            reason=None,
            reason_code=None,
            external_id=external_id,
            url=url,
        )

    def refused(self, delivery: Delivery, reason: Reason) -> None:
        """It will never arrive: the tracker refuses this very item."""
        self._set(delivery, state="refused", attempts=delivery.attempts + 1, **reason.values)

    def skipped(self, delivery: Delivery, reason: Reason) -> None:
        """It holds nothing that the tracker shows."""
        self._set(delivery, state="skipped", attempts=delivery.attempts + 1, **reason.values)

    def postpone(
        self, delivery: Delivery, reason: Reason, *, until: float, counted: bool = False
    ) -> None:
        """It did not arrive this time. `counted`: as an attempt."""
        attempts = delivery.attempts + (1 if counted else 0)
        self._set(delivery, attempts=attempts, not_before=until, **reason.values)

    def _set(self, delivery: Delivery, **values: object) -> None:
        which = {
            "of_tracker": delivery.tracker,
            "of_kind": delivery.kind,
            "of_item": delivery.item,
        }
        self._rows.setdefault(tuple(values), []).append({**which, **values})


def _waiting(
    tracker: str, kind: Kind, item: ColumnElement[str], trace_id: ColumnElement[str], now: float
) -> "Select[*tuple[Any, ...]]":
    """Rows of deliveries that wait, in the order of `_enqueue`'s columns."""
    first = (literal(tracker), literal(kind), item, trace_id)
    return select(*first, literal("waiting"), literal(0), literal(0.0), literal(now))


def _enqueue(connection: Connection, rows, *, again: bool = True) -> None:  # type: ignore[no-untyped-def]
    """Let rows wait. What was delivered before does so again, or else that is noted."""
    names = ("tracker", "kind", "item", "trace_id", "state", "attempts", "not_before", "created_at")
    statement = insert(deliveries).from_select(names, rows)
    key = ["tracker", "kind", "item"]
    if not again:
        delivered = deliveries.c.state == "delivered"
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=key, set_=NOT_REPLACED.values, where=delivered
            )
        )
        return
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={
                "state": "waiting",
                "attempts": 0,
                "not_before": 0.0,
                "reason": None,
                "reason_code": None,
                "created_at": statement.excluded.created_at,
            },
        )
    )


def _enqueue_unexplained(connection: Connection, tracker: str, now: float) -> None:
    """The newest calls that were skipped or failed since the tracker was last told so."""
    told = deliveries.alias("told")
    of_tracker = and_(told.c.tracker == tracker, told.c.kind == "unexplained")
    waiting = select(func.count()).where(of_tracker, told.c.state == "waiting")
    room = MOST_UNEXPLAINED - int(connection.execute(waiting).scalar_one())
    for state in ("failed", "skipped"):
        newest = (
            select(jobs.c.call_id, jobs.c.changed_at)
            .where(jobs.c.state == state)
            .order_by(jobs.c.priority.desc(), jobs.c.id.desc())
            .limit(max(room, 0))
            .subquery()
        )
        _enqueue(
            connection,
            _waiting(tracker, "unexplained", calls.c.id, calls.c.trace_id, now)
            .distinct()
            .join(newest, newest.c.call_id == calls.c.id)
            .outerjoin(told, and_(of_tracker, told.c.item == calls.c.id))
            .where(
                or_(told.c.item.is_(None), told.c.created_at < newest.c.changed_at),
                calls.c.trace_id.in_(select(traces.c.trace_id)),
                calls.c.id.not_in(select(explanations.c.call_id)),
            ),
        )


def _settle_orphans(connection: Connection, tracker: str) -> None:
    """What belongs into a trace that was refused or skipped is so, too: it has no place there."""
    trace = deliveries.alias("trace")
    for state in ("refused", "skipped"):
        reason = Reason(ReasonCode.TRACE_REJECTED, f"its trace was {state}")
        settled = select(trace.c.item).where(
            trace.c.tracker == tracker, trace.c.kind == "trace", trace.c.state == state
        )
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.tracker == tracker,
                deliveries.c.kind != "trace",
                deliveries.c.state == "waiting",
                deliveries.c.trace_id.in_(settled),
            )
            .values(state=state, **reason.values)
        )


def _due(tracker: str, kind: Kind, now: float):  # type: ignore[no-untyped-def]
    return and_(
        deliveries.c.tracker == tracker,
        deliveries.c.kind == kind,
        deliveries.c.state == "waiting",
        deliveries.c.not_before <= now,
    )


def _delivery(row, traced_as: str | None = None) -> Delivery:  # type: ignore[no-untyped-def]
    return Delivery(
        tracker=row.tracker,
        kind=row.kind,
        item=row.item,
        trace_id=row.trace_id,
        attempts=row.attempts,
        traced_as=traced_as,
    )
