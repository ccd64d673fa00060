"""Captured and explained calls, what became of them, and where trackers show them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Column, Select, and_, case, func, select, true

from smile_trace._guards.presentable import presentable
from smile_trace.errors import Reason
from smile_trace.records import Call, Explanation, Feedback, Record, Span
from smile_trace.store.database import Database, rows_among
from smile_trace.store.database.sql import is_unset, json_text
from smile_trace.store.jobs import JobState, Obstacles, is_newest, told_state, told_status
from smile_trace.store.tables import (
    calls,
    deliveries,
    explanations,
    feedback,
    jobs,
    requested,
    spans,
    traces,
)

_CHARACTERS = 8
"""The fewest characters of a trace's id that are shown for it."""


class Captured(NamedTuple):
    """A call with its span (None if it was imported).

    `state` is its newest job's, None before the worker has looked at it; `reason` says why it was
    skipped or failed, or what it waits for; `status` is its newest explanation's. Its trace holds
    `calls_of_trace` calls, and no other trace's id begins with `beginning`.
    """

    call: Call
    span: Span | None
    state: JobState | None
    reason: str | None
    status: str | None
    calls_of_trace: int = 1
    beginning: str = ""


def read_captured(
    database: Database,
    refusal: Callable[[str], Reason | None],
    *,
    since_ns: int,
    limit: int,
) -> Iterator[Captured]:
    """The newest calls that began after `since_ns` (Unix nanoseconds), in order of start. `refusal`
    says why today's caps let nothing more of a model through."""
    same = and_(
        spans.c.trace_id == calls.c.trace_id,
        calls.c.id == spans.c.trace_id + ":" + spans.c.span_id,
    )
    status = (
        select(told_status())
        .where(explanations.c.call_id == calls.c.id)
        .order_by(explanations.c.id.desc())
        .limit(1)
    )
    sibling = calls.alias()
    of_trace = select(func.count()).where(sibling.c.trace_id == calls.c.trace_id)
    before, after = (sibling.c.trace_id < calls.c.trace_id, sibling.c.trace_id > calls.c.trace_id)
    query = (
        select(
            calls.c.body.label("call"),
            spans.c.body.label("span"),
            of_trace.scalar_subquery().label("calls_of_trace"),
            select(func.max(sibling.c.trace_id)).where(before).scalar_subquery().label("before"),
            select(func.min(sibling.c.trace_id)).where(after).scalar_subquery().label("after"),
            told_state().label("state"),
            jobs.c.reason,
            jobs.c.reason_code,
            jobs.c.model,
            status.scalar_subquery().label("status"),
        )
        .outerjoin(spans, same)
        .outerjoin(jobs, (jobs.c.call_id == calls.c.id) & is_newest())
        .where(calls.c.start_ns >= since_ns)
        .order_by(calls.c.start_ns.desc(), calls.c.id.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
        obstacles = Obstacles(connection, refusal)
    for row in reversed(rows):
        why = None if row.reason is None else Reason(row.reason_code, row.reason)
        if row.state == "pending":
            why = obstacles.of(row.model, why)
        span = None if row.span is None else Span.model_validate_json(row.span)
        reason = None if why is None else presentable(why.text)
        call = Call.model_validate_json(row.call)
        beginning = own_beginning(call.trace_id, [row.before or "", row.after or ""], _CHARACTERS)
        yield Captured(call, span, row.state, reason, row.status, row.calls_of_trace, beginning)


def count_captured(database: Database, *, since_ns: int) -> int:
    """How many calls began after `since_ns` (Unix nanoseconds)."""
    query = select(func.count()).select_from(calls).where(calls.c.start_ns >= since_ns)
    return int(database.value(query))


def own_beginning(id: str, others: Sequence[str], fewest: int) -> str:
    """The shortest beginning of an id, of at least `fewest` characters, that no other one has."""
    lengths = range(fewest, len(id))
    own = (n for n in lengths if not any(other.startswith(id[:n]) for other in others))
    return id[: next(own, len(id))]


def newest_calls(database: Database, name: str, limit: int, since_ns: int = 0) -> list[Call]:
    """The newest calls of a prompt, or of a function without one, that began since then (Unix
    nanoseconds), newest first."""
    bodies = database.column(_newest(calls.c.body, name, limit, since_ns))
    return [Call.model_validate_json(body) for body in bodies]


def newest_ids(database: Database, name: str | None, limit: int, since_ns: int) -> list[str]:
    """The ids of the calls that `newest_calls` would read; without a name, of all."""
    return database.column(_newest(calls.c.id, name, limit, since_ns))


def _newest(wanted: Column[str], name: str | None, limit: int, since_ns: int) -> "Select[str]":
    return (
        select(wanted)
        .where(true() if name is None else calls.c.group_name == name)
        .where(calls.c.start_ns >= since_ns)
        .order_by(calls.c.start_ns.desc(), calls.c.id.desc())
        .limit(limit)
    )


def read_calls(database: Database, call_ids: Sequence[str]) -> list[Call]:
    """The calls of those ids, newest first."""
    query = select(calls.c.body, calls.c.start_ns)
    with database.read() as connection:
        rows = rows_among(connection, query, calls.c.id, call_ids)
    rows.sort(key=lambda row: -row.start_ns)
    return [Call.model_validate_json(row.body) for row in rows]


def read_feedback(database: Database, name: str, since_ns: int) -> dict[str, list[Feedback]]:
    """What users said of the traces of a prompt's or function's calls since then (Unix
    nanoseconds), the newest of each kind, by call."""
    query = (
        select(calls.c.id, feedback.c.body)
        .join(feedback, feedback.c.trace_id == calls.c.trace_id)
        .where(calls.c.group_name == name, calls.c.start_ns >= since_ns)
    )
    found: dict[str, dict[str, Feedback]] = {}
    said = [(row.id, Feedback.model_validate_json(row.body)) for row in database.rows(query)]
    for call_id, one in sorted(said, key=lambda pair: pair[1].at_ns):
        found.setdefault(call_id, {})[one.name] = one
    return {call_id: [*kinds.values()] for call_id, kinds in found.items()}


def newest_traces(database: Database, limit: int) -> list[str]:
    """The ids of the complete traces that changed last."""
    query = (
        select(traces.c.trace_id)
        .where(traces.c.position.is_not(None))
        .order_by(traces.c.changed_at.desc())
        .limit(limit)
    )
    return database.column(query)


_AT_ONCE = 50
"""Explained calls that are read at once."""


class Explained(Record):
    """An explained call; `urls` are its addresses by tracker."""

    call: Call
    explanation: Explanation
    urls: dict[str, str] = {}


def read_explained(database: Database, *, since: float) -> list[Explained]:
    """The newest explanation of each call that was explained after `since` (Unix seconds), in the
    order of the calls, and without perturbations, which `Store.explanation` reads."""
    newest = select(func.max(explanations.c.id)).group_by(explanations.c.call_id)
    query = (
        select(calls.c.body.label("call"), explanations.c.body.label("explanation"), calls.c.id)
        .join(calls, calls.c.id == explanations.c.call_id)
        .where(explanations.c.id.in_(newest), explanations.c.created_at > since)
        .order_by(calls.c.start_ns)
    )
    with database.read() as connection:
        return [
            Explained(
                call=Call.model_validate_json(row.call),
                explanation=Explanation.model_validate_json(row.explanation),
                urls=_urls(connection, row.id),
            )
            for row in connection.execute(query).all()
        ]


def read_wrong(database: Database, call_ids: Sequence[str]) -> dict[str, Explanation]:
    """The explanation by which a call's answer is wrong, a worker's or a person's: the newest that
    tells what corrects it, else the newest."""
    found: dict[str, tuple[tuple[bool, float], Explanation]] = {}
    with database.read() as connection:
        for table in (explanations, requested):
            query = select(table.c.call_id, table.c.created_at, table.c.body)
            of_wrong = query.where(json_text(table.c.body, "met").in_(("0", "false")))
            for row in rows_among(connection, of_wrong, table.c.call_id, call_ids):
                explanation = Explanation.model_validate_json(row.body)
                rank = bool(explanation.corrections), row.created_at
                if row.call_id not in found or rank > found[row.call_id][0]:
                    found[row.call_id] = rank, explanation
    return {call_id: explanation for call_id, (_, explanation) in found.items()}


class Lately(NamedTuple):
    """How many calls of a prompt are explained in a period and in the one before it, each by
    itself, and the id of the newest explanation."""

    now: int
    before: int
    newest: int


def read_lately(database: Database, *, before: float, since: float) -> dict[str, Lately]:
    """Count each prompt's explained calls in the periods from `before` to `since`, and from then on
    (Unix seconds)."""
    alone = is_unset(explanations.c.body, "settings", "pooled")
    at, now = calls.c.start_ns, calls.c.start_ns >= int(since * 1e9)
    one = explanations.c.call_id.distinct()
    query = (
        select(
            calls.c.group_name,
            func.count(case((now, explanations.c.call_id)).distinct()),
            func.count(one),
            func.max(explanations.c.id),
        )
        .join(calls, calls.c.id == explanations.c.call_id)
        .where(calls.c.group_kind == "prompt", at >= int(before * 1e9), alone)
        .group_by(calls.c.group_name)
    )
    rows = database.rows(query)
    return {name: Lately(now, both - now, newest) for name, now, both, newest in rows}


def read_addresses(database: Database, tracker: str, call_ids: Sequence[str]) -> dict[str, str]:
    """The addresses at which a tracker shows explanations, by call."""
    query = select(deliveries.c.item, deliveries.c.url).where(
        deliveries.c.tracker == tracker,
        deliveries.c.kind == "explanation",
        deliveries.c.url.is_not(None),
    )
    with database.read() as connection:
        rows = rows_among(connection, query, deliveries.c.item, call_ids)
    return {row.item: row.url for row in rows}


class ExplainedInPeriod(NamedTuple):
    """An explained call, and the kind and name of its group."""

    call: Call
    explanation: Explanation
    group: tuple[str, str]


class Period(NamedTuple):
    """A period: Unix seconds of its `first` call, `calls` by kind and name of group, explained or
    not, and the ids of the `explanations` of the newest explained calls, in order."""

    first: float
    calls: Counter[tuple[str, str]]
    explanations: list[int]


def read_period(
    database: Database, *, since: float, until: float, name: str | None, most: int
) -> Period:
    """The calls from `since` to before `until` (Unix seconds), and the newest explanation of each
    of the newest `most` on its own; `name` is a prompt's or a function's."""
    within = [calls.c.start_ns >= int(since * 1e9), calls.c.start_ns < int(until * 1e9)]
    if name is not None:
        within.append(calls.c.group_name == name)
    group = calls.c.group_kind, calls.c.group_name
    alone = is_unset(explanations.c.body, "settings", "pooled")
    newest = (
        select(func.max(explanations.c.id))
        .join(calls, calls.c.id == explanations.c.call_id)
        .where(*within, alone)
        .group_by(explanations.c.call_id)
        .order_by(func.max(calls.c.start_ns).desc())
        .limit(most)
    )
    begun = func.min(calls.c.start_ns)
    counting = select(*group, func.count(), begun).where(*within).group_by(*group)
    with database.read() as connection:
        groups = connection.execute(counting).all()
        return Period(
            min((first for *_, first in groups), default=0) / 1e9,
            Counter({(kind, named): n for kind, named, n, _ in groups}),
            list(connection.execute(newest).scalars())[::-1],
        )


def read_in_period(database: Database, ids: Sequence[int]) -> Iterator[ExplainedInPeriod]:
    """The explained calls of these explanations without perturbations, a few in memory at a
    time."""
    query = select(
        calls.c.body.label("call"),
        explanations.c.body.label("explanation"),
        calls.c.group_kind,
        calls.c.group_name,
    ).join(calls, calls.c.id == explanations.c.call_id)
    for start in range(0, len(ids), _AT_ONCE):
        few = query.where(explanations.c.id.in_(ids[start : start + _AT_ONCE]))
        for row in database.rows(few.order_by(calls.c.start_ns)):
            yield ExplainedInPeriod(
                Call.model_validate_json(row.call),
                Explanation.model_validate_json(row.explanation),
                (row.group_kind, row.group_name),
            )


def _urls(connection, call_id: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    query = select(deliveries.c.tracker, deliveries.c.url).where(
        deliveries.c.kind == "explanation",
        deliveries.c.item == call_id,
        deliveries.c.url.is_not(None),
    )
    return {row.tracker: row.url for row in connection.execute(query)}
