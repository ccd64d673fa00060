"""The outbox: each tracker's deliveries, waiting and done."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.rows import update_rows
from smile_trace.store.database.sql import age, upsert
from smile_trace.store.outbox_news import (
    USUAL,
    Kind,
    Queued,
    Wanted,
    add_trackers,
    queue_news,
    queue_since,
)
from smile_trace.store.tables import deliveries, removals, trackers


class Delivery(Record):
    """An item on its way to one tracker. `item` is a trace id or a call id."""

    tracker: str
    kind: Kind
    item: str
    trace_id: str
    attempts: int
    queued_at: float
    """Unix seconds since when it waits."""
    traced_as: str | None = None
    """The tracker's id of the trace that the item belongs into, for any item but a trace."""


class TrackerState(Record):
    """How a tracker is doing; `reason` is set while it takes nothing."""

    name: str
    failures: int = 0
    reason: str | None = None
    reason_code: ReasonCode | None = None
    since: float | None = None
    not_before: float = 0.0


class Outbox(OfDatabase):
    """Deliveries, traces before their explanations, each tracker for itself."""

    def add(self, names: Sequence[str]) -> list[str]:
        """Add the trackers that are not known yet; returns the new ones that do not get everything.
        The first ones get everything in the store. Later ones get only news: traces that are
        completed and explanations that are made from then on, each with its trace."""
        with self._database.write() as connection:
            return add_trackers(connection, names)

    def fill(self, tracker: str, *, now: float, wanted: Wanted = USUAL) -> None:
        """Queue what was completed or explained since the last call; adds an unknown tracker.
        Delivered items that have changed since (a late span, a newer explanation) wait again."""
        with self._database.write() as connection:
            add_trackers(connection, [tracker])
            queue_news(connection, tracker, now, wanted)

    def fill_since(
        self,
        tracker: str,
        since_ns: int,
        *,
        now: float,
        wanted: Wanted = USUAL,
        dry_run: bool = False,
    ) -> Queued:
        """Queue what was captured since a time with its explanations, paths and profiles, unless
        the tracker has it or it waits already. An unknown tracker is added, and gets later news as
        well. `since_ns`: Unix nanoseconds; a trace counts if one of its spans began then or later.
        `dry_run`: only count."""
        with self._database.write() as connection:
            trial = connection.begin_nested()
            add_trackers(connection, [tracker], everything=False)
            queue_news(connection, tracker, now, wanted)  # else it would be queued again
            queued = queue_since(connection, tracker, since_ns, now, wanted)
            if dry_run:
                trial.rollback()
            else:
                trial.commit()
            return queued

    def due(
        self,
        tracker: str,
        limits: Mapping[Kind, int],
        *,
        now: float,
        alone: bool = False,
        without: Mapping[Kind, Collection[str]] = MappingProxyType({}),
    ) -> dict[Kind, list[Delivery]]:
        """Due deliveries by kind, oldest first; items inside a trace only once that has arrived.

        Args:
            limits: the wanted kinds, each with a maximum count.
            alone: for a tracker that takes explanations alone: none waits for a trace.
            without: items that are on their way already.
        """

        def read(connection: Connection, kind: Kind) -> list[Delivery]:
            query = _DUE if kind == "trace" or (alone and kind == "explanation") else _DUE_IN_TRACE
            of = {"of_tracker": tracker, "of_kind": kind, "now": now, "most": limits[kind]}
            rows = connection.execute(query, {**of, "without": list(without.get(kind, ()))})
            return [Delivery.trusted(**{"traced_as": None, **row}) for row in rows.mappings()]

        with self._database.read() as connection:
            return {kind: read(connection, kind) for kind in limits}

    @contextmanager
    def settling(self) -> Iterator["Settling"]:
        """Record the outcomes of a batch in one transaction."""
        with self._database.write(alone=False) as connection:
            settling = Settling()
            yield settling
            settling.write(connection)

    def state(self, tracker: str) -> TrackerState:
        """How the tracker is doing."""
        row = self._database.first(select(trackers).where(trackers.c.name == tracker))
        if row is None:
            return TrackerState(name=tracker)
        return TrackerState(**{name: row._mapping[name] for name in TrackerState.model_fields})

    def note_state(self, state: TrackerState) -> None:
        """Store how the tracker is doing."""
        self._database.change(upsert(trackers, state.model_dump()), alone=False)

    def wake(self, tracker: str) -> None:
        """Make everything that waits due now, also while the tracker is paused."""
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
        return self._database.column(select(trackers.c.name).order_by(trackers.c.name))

    def delivered_to(self, trace_id: str) -> dict[str, str]:
        """The trackers that have a trace, with its id there."""
        query = select(deliveries.c.tracker, deliveries.c.external_id).where(
            deliveries.c.kind == "trace",
            deliveries.c.item == trace_id,
            deliveries.c.external_id.is_not(None),
        )
        return {row.tracker: row.external_id for row in self._database.rows(query)}

    def forget(self, tracker: str) -> int:
        """Drop a tracker's outbox and history; returns how many deliveries waited. Nothing is
        removed on the tracker itself. Should it come back, it counts as new."""
        theirs = deliveries.c.tracker == tracker
        with self._database.write() as connection:
            waiting = select(func.count()).where(theirs, deliveries.c.state == "waiting")
            count = int(connection.execute(waiting).scalar_one())
            connection.execute(delete(deliveries).where(theirs))
            connection.execute(delete(removals).where(removals.c.tracker == tracker))
            connection.execute(delete(trackers).where(trackers.c.name == tracker))
        return count

    def next_due(self, tracker: str) -> float | None:
        """When the next waiting delivery may be tried; None if none waits."""
        query = select(func.min(deliveries.c.not_before)).where(
            deliveries.c.tracker == tracker, deliveries.c.state == "waiting"
        )
        with self._database.read() as connection:
            due = connection.execute(query).scalar()
            paused = connection.execute(
                select(trackers.c.not_before).where(trackers.c.name == tracker)
            ).scalar()
        return None if due is None else max(due, paused or 0.0)


_AS_READ = ("tracker", "kind", "item", "created_at")
"""What finds a delivery, unless it was queued again since."""


class Settling:
    """Collects the outcomes of deliveries, to be written together. A delivery that was queued again
    since it was read, because it has changed, goes on waiting."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], list[dict[str, object]]] = {}  # by columns to be set

    def write(self, connection: Connection) -> None:
        """Write the outcomes, with a statement for each kind of outcome, not for each delivery."""
        for rows in self._rows.values():
            update_rows(connection, deliveries, _AS_READ, rows)

    def delivered(self, delivery: Delivery, external_id: str, url: str | None) -> None:
        """Note that it arrived."""
        self._set(
            delivery,
            state="delivered",
            attempts=delivery.attempts + 1,
            reason=None,
            reason_code=None,
            external_id=external_id,
            url=url,
        )

    def refused(self, delivery: Delivery, reason: Reason) -> None:
        """Note that it will never arrive: the tracker refuses this very item."""
        self._set(delivery, state="refused", attempts=delivery.attempts + 1, **reason.values)

    def skipped(self, delivery: Delivery, reason: Reason) -> None:
        """Note that it holds nothing that the tracker shows."""
        self._set(delivery, state="skipped", attempts=delivery.attempts + 1, **reason.values)

    def postpone(
        self, delivery: Delivery, reason: Reason, *, until: float, counted: bool = False
    ) -> None:
        """Note that it did not arrive this time. `counted`: as an attempt."""
        attempts = delivery.attempts + counted
        self._set(delivery, attempts=attempts, not_before=until, **reason.values)

    def _set(self, delivery: Delivery, **values: object) -> None:
        which = {
            "tracker": delivery.tracker,
            "kind": delivery.kind,
            "item": delivery.item,
            "created_at": delivery.queued_at,
        }
        self._rows.setdefault(tuple(values), []).append({**which, **values})


_DUE = (
    select(
        deliveries.c.tracker,
        deliveries.c.kind,
        deliveries.c.item,
        deliveries.c.trace_id,
        deliveries.c.attempts,
        deliveries.c.created_at.label("queued_at"),
    )
    .where(
        deliveries.c.tracker == bindparam("of_tracker"),
        deliveries.c.kind == bindparam("of_kind"),
        deliveries.c.state == "waiting",
        deliveries.c.not_before <= bindparam("now"),
        deliveries.c.item.not_in(bindparam("without", expanding=True)),
    )
    .order_by(deliveries.c.not_before, age())
    .limit(bindparam("most"))
)
_trace = deliveries.alias("trace")
_DUE_IN_TRACE = _DUE.add_columns(_trace.c.external_id.label("traced_as")).join(
    _trace,
    and_(
        _trace.c.tracker == deliveries.c.tracker,
        _trace.c.kind == "trace",
        _trace.c.item == deliveries.c.trace_id,
        _trace.c.state == "delivered",
    ),
)
"""Joined with the delivered trace, whose id in the tracker is `traced_as`. Both are made once:
making them takes longer than asking."""
