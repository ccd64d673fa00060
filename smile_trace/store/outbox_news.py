"""Puts into the outboxes what is new since the last time, and what is asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from smile_trace.errors import Reason, ReasonCode
from smile_trace.records import Record
from smile_trace.store.database.sql import Insert, insert
from smile_trace.store.tables import (
    calls,
    deliveries,
    explanations,
    jobs,
    paths,
    profiles,
    spans,
    traces,
    trackers,
)

Kind = Literal["trace", "explanation", "path", "profile", "unexplained"]
"""`unexplained`: that a call was skipped or failed, and why."""
_IN_TRACES = get_args(Kind)[1:]
"""The kinds of what has a place in a trace."""

MOST_UNEXPLAINED = 1000
"""Calls whose missing explanation a tracker is still to be told, the newest: each takes a request,
and a service leaves most calls unexplained."""

NOT_REPLACED = Reason(
    ReasonCode.NOT_REPLACED,
    "a newer explanation was not sent: this tracker cannot replace the one that it has",
)

_KEY = ("tracker", "kind", "item")


class Wanted(Record):
    """Whether a tracker takes traces (or explanations alone), shows paths and profiles, is told why
    calls are not explained, and replaces a call's first explanation by later ones."""

    traces: bool = True
    paths: bool = False
    profiles: bool = False
    unexplained: bool = False
    replaces: bool = True


USUAL = Wanted()


class Queued(Record):
    """The items queued of a period, and how many of its traces were there or waited before."""

    traces: int = 0
    explanations: int = 0
    paths: int = 0
    profiles: int = 0
    known_traces: int = 0


def add_trackers(
    connection: Connection, names: Sequence[str], *, everything: bool = True
) -> list[str]:
    """Add new trackers; returns those that only get later news. `everything`: the very first ones
    also get what is in the store already."""
    known = set(connection.execute(select(trackers.c.name)).scalars())
    new = [name for name in names if name not in known]
    if not new:
        return []
    begin = _ends(connection)
    if everything and not known:
        begin = dict.fromkeys(begin, 0)
    connection.execute(insert(trackers), [{"name": name, **begin} for name in new])
    return new if any(begin.values()) else []


def queue_news(connection: Connection, tracker: str, now: float, wanted: Wanted) -> None:
    """Queue what was completed or explained since the last time, or has changed since."""
    seen = connection.execute(select(trackers).where(trackers.c.name == tracker)).one()._mapping
    ends = _ends(connection)
    rows = _Rows(tracker, now)
    if not wanted.traces:  # it may have wanted them before
        of_tracker = and_(deliveries.c.tracker == tracker, deliveries.c.kind == "trace")
        connection.execute(delete(deliveries).where(of_tracker))
    elif ends["trace_position"] > seen["trace_position"]:
        position = traces.c.position > seen["trace_position"]
        connection.execute(_again(rows.traces().where(position)))
    if ends["explanation_position"] > seen["explanation_position"]:
        position = explanations.c.id > seen["explanation_position"]
        queue = _again if wanted.replaces else _first
        connection.execute(queue(rows.explanations().where(position)))
        if wanted.traces:  # of one that is older than the tracker
            explained = select(explanations.c.trace_id).where(position)
            connection.execute(_new(rows.traces().where(traces.c.trace_id.in_(explained))))
    if wanted.paths and ends["path_position"] > seen["path_position"]:
        position = paths.c.id > seen["path_position"]
        connection.execute(_again(rows.paths().where(position)))
    if wanted.profiles and ends["profile_position"] > seen["profile_position"]:
        position = profiles.c.id > seen["profile_position"]
        connection.execute(_again(rows.profiles().where(position)))
    connection.execute(update(trackers).where(trackers.c.name == tracker).values(**ends))
    if wanted.unexplained:
        _queue_unexplained(connection, rows)
    _settle_orphans(connection, tracker)


def queue_since(
    connection: Connection, tracker: str, since_ns: int, now: float, wanted: Wanted
) -> Queued:
    """Queue what was captured since a time, and was never queued for the tracker."""
    rows = _Rows(tracker, now)
    recent = (
        select(traces.c.trace_id)
        .where(traces.c.position.is_not(None))
        .where(
            select(spans.c.span_id)
            .where(spans.c.trace_id == traces.c.trace_id, spans.c.start_ns >= since_ns)
            .exists()
        )
    )

    def queue(query: "Select[*tuple[Any, ...]]", trace_id: ColumnElement[str]) -> int:
        queued = _new(query.where(trace_id.in_(recent)))
        # Of an INSERT it is kept where it is asked for.
        return int(connection.execute(queued.execution_options(preserve_rowcount=True)).rowcount)

    all_traces = int(
        connection.execute(select(func.count()).select_from(recent.subquery())).scalar_one()
    )
    new = queue(rows.traces(), traces.c.trace_id) if wanted.traces else 0
    return Queued(
        traces=new,
        explanations=queue(rows.explanations(), explanations.c.trace_id),
        paths=queue(rows.paths(), paths.c.trace_id) if wanted.paths else 0,
        profiles=queue(rows.profiles(), profiles.c.trace_id) if wanted.profiles else 0,
        known_traces=all_traces - new if wanted.traces else 0,
    )


def _ends(connection: Connection) -> dict[str, int]:
    """The store's newest positions, by the columns that say how far a tracker has read."""
    last = {
        "trace_position": func.max(traces.c.position),
        "explanation_position": func.max(explanations.c.id),
        "path_position": func.max(paths.c.id),
        "profile_position": func.max(profiles.c.id),
    }
    return {name: connection.execute(select(end)).scalar() or 0 for name, end in last.items()}


class _Rows:
    """Rows of waiting deliveries, in the order of `_insert`'s columns."""

    def __init__(self, tracker: str, now: float) -> None:
        self.tracker = tracker
        self._now = now

    def traces(self) -> "Select[*tuple[Any, ...]]":
        """Rows of complete traces."""
        query = self.of("trace", traces.c.trace_id, traces.c.trace_id)
        return query.where(traces.c.position.is_not(None))

    def explanations(self) -> "Select[*tuple[Any, ...]]":
        """Rows of explained calls, without imported ones that have no trace here."""
        query = self.of("explanation", explanations.c.call_id, explanations.c.trace_id)
        trace = select(traces.c.trace_id).where(traces.c.trace_id == explanations.c.trace_id)
        return query.where(trace.exists()).distinct()

    def paths(self) -> "Select[*tuple[Any, ...]]":
        """Rows of traces with a path."""
        return self.of("path", paths.c.trace_id, paths.c.trace_id).distinct()

    def profiles(self) -> "Select[*tuple[Any, ...]]":
        """Rows of calls with a profile."""
        return self.of("profile", profiles.c.call_id, profiles.c.trace_id).distinct()

    def of(
        self, kind: Kind, item: ColumnElement[str], trace_id: ColumnElement[str]
    ) -> "Select[*tuple[Any, ...]]":
        """Rows of any kind."""
        first = (literal(self.tracker), literal(kind), item, trace_id)
        return select(*first, literal("waiting"), literal(0), literal(0.0), literal(self._now))


def _insert(rows: "Select[*tuple[Any, ...]]") -> Insert:
    names = ("tracker", "kind", "item", "trace_id", "state", "attempts", "not_before", "created_at")
    return insert(deliveries).from_select(names, rows)


def _again(rows: "Select[*tuple[Any, ...]]") -> Insert:
    """Queue rows; delivered ones wait again."""
    statement = _insert(rows)
    anew: Mapping[str, object] = {
        "state": "waiting",
        "attempts": 0,
        "not_before": 0.0,
        "reason": None,
        "reason_code": None,
        "created_at": statement.excluded.created_at,
    }
    return statement.on_conflict_do_update(index_elements=_KEY, set_=anew)


def _first(rows: "Select[*tuple[Any, ...]]") -> Insert:
    """Queue rows; delivered ones do not wait again, and are marked NOT_REPLACED."""
    return _insert(rows).on_conflict_do_update(
        index_elements=_KEY, set_=NOT_REPLACED.values, where=deliveries.c.state == "delivered"
    )


def _new(rows: "Select[*tuple[Any, ...]]") -> Insert:
    """Queue rows; those queued before stay as they are."""
    return _insert(rows).on_conflict_do_nothing(index_elements=_KEY)


def _queue_unexplained(connection: Connection, rows: _Rows) -> None:
    """Queue the newest calls that were skipped or failed since the tracker was last told so."""
    told = deliveries.alias("told")
    of_tracker = and_(told.c.tracker == rows.tracker, told.c.kind == "unexplained")
    waiting = select(func.count()).where(of_tracker, told.c.state == "waiting")
    room = MOST_UNEXPLAINED - int(connection.execute(waiting).scalar_one())
    queued = select(deliveries.c.item).where(
        deliveries.c.tracker == rows.tracker,
        deliveries.c.kind == "trace",
        deliveries.c.item == calls.c.trace_id,
    )
    explained = select(explanations.c.id).where(explanations.c.call_id == calls.c.id)
    for state in ("failed", "skipped"):
        newest = (
            select(jobs.c.call_id, jobs.c.changed_at)
            .where(jobs.c.state == state)
            .order_by(jobs.c.priority.desc(), jobs.c.id.desc())
            .limit(max(room, 0))
            .subquery()
        )
        query = (
            rows.of("unexplained", calls.c.id, calls.c.trace_id)
            .distinct()
            .join(newest, newest.c.call_id == calls.c.id)
            .outerjoin(told, and_(of_tracker, told.c.item == calls.c.id))
            .where(
                or_(told.c.item.is_(None), told.c.created_at < newest.c.changed_at),
                queued.exists(),
                ~explained.exists(),
            )
        )
        connection.execute(_again(query))


def _settle_orphans(connection: Connection, tracker: str) -> None:
    """Settle items of a refused or skipped trace likewise, since they have no place to go."""
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
                deliveries.c.kind.in_(_IN_TRACES),  # not `!=`, by which all are read
                deliveries.c.state == "waiting",
                deliveries.c.trace_id.in_(settled),
            )
            .values(state=state, **reason.values)
        )
