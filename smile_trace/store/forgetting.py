"""Removing traces for good: every row that holds or quotes them; a mark keeps them away."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from smile_trace import semconv
from smile_trace.records import Call, ForgottenCall, ForgottenTrace, Record
from smile_trace.records.base import Counts
from smile_trace.store.database import OfDatabase, rows_among
from smile_trace.store.database.sql import insert, json_text
from smile_trace.store.forgotten import forgotten_among, ids_in, trace_hash
from smile_trace.store.retention import remove_traces
from smile_trace.store.spending.ledger import BudgetScope
from smile_trace.store.tables import (
    calls,
    corrupt_lines,
    deliveries,
    explanations,
    feedback,
    forgotten,
    jobs,
    judge_judgements,
    judgements,
    proxy_trusts,
    removals,
    requested,
    reservations,
    response_uses,
    responses,
    spans,
    traces,
)

CHUNK = 100
"""Traces of one transaction."""
SESSION = (semconv.CONVERSATION_ID, semconv.SESSION_ID)
USER = (semconv.USER_ID,)


class Erased(Counts):
    """How many of each were removed from the store."""

    traces: int = 0
    calls: int = 0
    explanations: int = 0
    answers: int = 0
    feedback: int = 0
    corrupt_lines: int = 0


class Removal(Record):
    """A copy of a forgotten trace that a tracker still has; `reason` says why."""

    tracker: str
    trace: ForgottenTrace
    reason: str | None = None
    by_hand: bool = False


class Run(Record):
    """A run of a job, as the engine knows it."""

    id: int
    call_id: str
    settings_hash: str
    attempt: int
    run: int


class Forgetting(OfDatabase):
    """Finds traces, removes them, and knows which trackers still have a copy."""

    # -- finding --------------------------------------------------------------------------
    def of_trace(self, trace_id: str) -> list[str]:
        """The id itself if anything of that trace is here, or it was forgotten before."""
        tables = (
            *(spans, calls, feedback, deliveries),
            *(explanations, requested, removals, response_uses),
        )
        with self._database.read() as connection:
            for table in tables:
                query = select(table.c.trace_id).where(table.c.trace_id == trace_id).limit(1)
                if connection.execute(query).first():
                    return [trace_id]
            return list(forgotten_among(connection, [trace_id]))

    def of_session(self, session: str) -> list[str]:
        """Traces with a span or a call of that session, those in a backend alone included."""
        return self._holding(SESSION, "session", session)

    def of_user(self, user: str) -> list[str]:
        """Traces with a span or a call of that user, as of a session."""
        return self._holding(USER, "user", user)

    def _holding(self, attributes: Iterable[str], field: str, value: str) -> list[str]:
        in_spans = [("attributes", name) for name in attributes]
        places: dict[Table, Sequence[tuple[str, ...]]] = {spans: in_spans, calls: [(field,)]}
        with self._database.read() as connection:
            asked = select(requested.c.trace_id).where(requested.c[field] == value)
            found = set(connection.execute(asked).scalars())
            for table, paths in places.items():
                query = select(table.c.trace_id, table.c.body).execution_options(yield_per=500)
                for trace_id, body in connection.execute(query):
                    if trace_id not in found and _says(body, paths, value):
                        found.add(trace_id)
        return sorted(found)

    def extent(self, trace_ids: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """How many calls the traces have, and which trackers have or may have copies."""
        with self._database.read() as connection:
            query = select(calls.c.id)
            count = len(rows_among(connection, query, calls.c.trace_id, trace_ids))
            names = {
                row.tracker
                for table in (deliveries, removals)
                for row in rows_among(
                    connection, select(table.c.tracker).distinct(), table.c.trace_id, trace_ids
                )
            }
        return count, tuple(sorted(names))

    def runs(self, trace_ids: Sequence[str]) -> list[Run]:
        """The newest runs of the traces' jobs."""
        found: list[Run] = []
        with self._database.read() as connection:
            for trace_id in trace_ids:
                columns = (jobs.c[name] for name in Run.model_fields)
                query = select(*columns).where(_of_call(jobs.c.call_id, trace_id))
                found += [Run(**row._mapping) for row in connection.execute(query)]
        return found

    # -- removing -------------------------------------------------------------------------
    def erase(
        self, trace_ids: Sequence[str], *, names: Sequence[str] = (), now: float
    ) -> tuple[Erased, list[Removal]]:
        """Remove the traces, and note that they must not come back.

        Spending stays counted. A cached answer goes if an explanation of theirs used it, or if
        nothing tells what it was asked for (replays and comparisons). Corrupt lines that quote the
        traces or `names` (a session or a user) go as well. Returns the counts of what was removed,
        and the copies that trackers have to delete.
        """
        total, copies = Erased(), self.removals(trace_ids)
        for start in range(0, len(trace_ids), CHUNK):
            chunk = trace_ids[start : start + CHUNK]
            with self._database.write() as connection:
                copies += _note_copies(connection, chunk)
                total += _erase(connection, chunk, now)
        with self._database.write() as connection:
            lines = _remove_corrupt_lines(connection, set(trace_ids), names)
            unattributed = responses.c.key.not_in(select(response_uses.c.key))
            answers = connection.execute(delete(responses).where(unattributed)).rowcount
        return total + Erased(corrupt_lines=lines, answers=answers), copies

    # -- copies in trackers ---------------------------------------------------------------
    def removals(
        self, trace_ids: Sequence[str] | None = None, *, tracker: str | None = None
    ) -> list[Removal]:
        """The copies that are not deleted yet; for one tracker, without those only a person can
        delete."""
        query = select(removals).order_by(removals.c.tracker, removals.c.trace_id)
        if tracker is not None:
            query = query.where(removals.c.tracker == tracker, removals.c.by_hand.is_(False))
        rows = self._database.rows(query)
        wanted = None if trace_ids is None else set(trace_ids)
        return [
            Removal(
                tracker=row.tracker,
                trace=ForgottenTrace.model_validate_json(row.body),
                reason=row.reason,
                by_hand=row.by_hand,
            )
            for row in rows
            if wanted is None or row.trace_id in wanted
        ]

    def removed(self, removal: Removal) -> None:
        """Note that the tracker has no copy any more."""
        self._database.change(delete(removals).where(_is(removal)))

    def not_removed(self, removal: Removal, reason: str, *, by_hand: bool) -> None:
        """Note that the tracker still has its copy; `by_hand`: only a person can delete it."""
        of_it = update(removals).where(_is(removal))
        self._database.change(of_it.values(reason=reason, by_hand=by_hand))


def _says(body: str, paths: Iterable[Sequence[str]], value: str) -> bool:
    """Whether a field of a JSON document is that text; another exporter's may be numbers."""
    if not any(written in body for written in _written(value)):
        return False  # nearly always, and sooner than by reading it
    with suppress(ValueError, RecursionError, LookupError, TypeError):
        document = json.loads(body)
        for path in paths:
            field = document
            for name in path:
                field = field.get(name) if isinstance(field, dict) else None
            if value == (field if isinstance(field, str) else json.dumps(field)):
                return True
    return False


def _erase(connection: Connection, ids: Sequence[str], now: float) -> Erased:
    rows = [{"trace_hash": trace_hash(trace_id), "forgotten_at": now} for trace_id in ids]
    connection.execute(insert(forgotten).on_conflict_do_nothing(), rows)
    erased = Erased(
        traces=len(
            set(connection.execute(_distinct(traces, ids)).scalars())
            | set(connection.execute(_distinct(calls, ids)).scalars())
        ),
        calls=_count(connection, calls, ids),
        explanations=sum(_count(connection, table, ids) for table in (explanations, requested)),
        feedback=_count(connection, feedback, ids),
    )
    used = select(response_uses.c.key).where(response_uses.c.trace_id.in_(ids))
    answers = connection.execute(delete(responses).where(responses.c.key.in_(used))).rowcount
    for trace_id in ids:
        for table, column in ((jobs, jobs.c.call_id), (proxy_trusts, proxy_trusts.c.item)):
            connection.execute(delete(table).where(_of_call(column, trace_id)))
    for table in (explanations, judgements, judge_judgements):
        connection.execute(delete(table).where(table.c.trace_id.in_(ids)))
    _hide_in_reservations(connection, ids)
    remove_traces(connection, ids)
    return erased + Erased(answers=answers)


def _hide_in_reservations(connection: Connection, ids: Sequence[str]) -> None:
    """Reservations from before `BudgetScope.stored_key` name the call in clear."""
    column = reservations.c.explanation
    of_calls = select(column).where(column.contains(":")).distinct()
    for key in connection.execute(of_calls).scalars().all():
        if ids_in(key.encode()) & set(ids):
            hidden = BudgetScope.from_key(key).stored_key
            connection.execute(update(reservations).where(column == key).values(explanation=hidden))


def _distinct(table: Table, ids: Sequence[str]) -> Any:
    return select(table.c.trace_id).where(table.c.trace_id.in_(ids)).distinct()


def _count(connection: Connection, table: Table, ids: Sequence[str]) -> int:
    query = select(func.count()).select_from(table).where(table.c.trace_id.in_(ids))
    return int(connection.execute(query).scalar_one())


def _of_call(column: ColumnElement[str], trace_id: str) -> ColumnElement[bool]:
    """Whether an id of a call, or a text that begins with it, is of that trace; ";" follows ":"."""
    return column.between(f"{trace_id}:", f"{trace_id};")


def _is(removal: Removal) -> ColumnElement[bool]:
    return and_(
        removals.c.tracker == removal.tracker, removals.c.trace_id == removal.trace.trace_id
    )


# -- copies in trackers -------------------------------------------------------------------------
def _note_copies(connection: Connection, ids: Sequence[str]) -> list[Removal]:
    """Note what each tracker has, if anything of a trace went or may have gone to it."""
    query = select(
        deliveries.c.tracker, deliveries.c.trace_id, deliveries.c.kind, deliveries.c.external_id
    ).where(deliveries.c.trace_id.in_(ids), deliveries.c.state != "skipped")
    copies: dict[tuple[str, str], str | None] = {}
    for row in connection.execute(query):
        of_trace = row.external_id if row.kind == "trace" else None
        key = row.tracker, row.trace_id
        copies[key] = copies.get(key) or of_trace
    if not copies:
        return []
    held = _what_they_held(connection, sorted({trace_id for _, trace_id in copies}))
    noted = [
        Removal(tracker=tracker, trace=held[i].model_copy(update={"traced_as": traced_as}))
        for (tracker, i), traced_as in copies.items()
    ]
    for one in noted:
        body = one.trace.model_dump_json()
        values = {"tracker": one.tracker, "trace_id": one.trace.trace_id, "body": body}
        connection.execute(delete(removals).where(_is(one)))
        connection.execute(insert(removals).values(values | {"by_hand": False}))
    return noted


def _what_they_held(connection: Connection, ids: Sequence[str]) -> dict[str, ForgottenTrace]:
    of_traces: dict[str, list[ForgottenCall]] = defaultdict(list)
    days: dict[str, set[str]] = defaultdict(set)
    at = json_text(explanations.c.body, "explained_at")
    explained = select(explanations.c.call_id, at).where(explanations.c.trace_id.in_(ids))
    for call_id, explained_at in connection.execute(explained):
        with suppress(TypeError, ValueError):  # imported ones may hold anything
            day = datetime.fromisoformat(explained_at).astimezone(UTC).date()
            days[call_id].add(day.isoformat())
    models: dict[str, set[str]] = defaultdict(set)
    query = select(jobs.c.call_id, jobs.c.model).where(jobs.c.model.is_not(None))
    of_them = or_(*(_of_call(jobs.c.call_id, trace_id) for trace_id in ids))
    for call_id, model in connection.execute(query.where(of_them)):
        models[call_id].add(model)
    rows = select(calls).where(calls.c.trace_id.in_(ids)).order_by(calls.c.start_ns, calls.c.id)
    for row in connection.execute(rows):
        try:
            call = Call.model_validate_json(row.body)
            uses = tuple(sorted({(use.name, use.version) for use in call.prompts}))
            external = call.external_trace
        except ValueError:  # it cannot be read; its trace was delivered all the same
            uses, external = (), {}
        of_traces[row.trace_id].append(
            ForgottenCall(
                id=row.id,
                start_ns=row.start_ns,
                prompts=uses,
                days=tuple(sorted(days[row.id])),
                models=tuple(sorted(models[row.id])),
                external_trace=external,
            )
        )
    query = select(spans.c.trace_id, func.min(spans.c.start_ns)).where(spans.c.trace_id.in_(ids))
    starts = {row[0]: row[1] for row in connection.execute(query.group_by(spans.c.trace_id))}
    return {
        trace_id: ForgottenTrace(
            trace_id=trace_id,
            start_ns=of_traces[trace_id][0].start_ns
            if of_traces[trace_id]
            else starts.get(trace_id, 0),
            calls=tuple(of_traces[trace_id]),
        )
        for trace_id in ids
    }


# -- what could not be read ---------------------------------------------------------------------
def _remove_corrupt_lines(connection: Connection, ids: set[str], names: Sequence[str]) -> int:
    texts = {text for name in names for text in quoted(name)}
    query = select(corrupt_lines.c.file, corrupt_lines.c.offset, corrupt_lines.c.line)
    gone = [
        (row.file, row.offset)
        for row in connection.execute(query).yield_per(50)
        if ids_in(row.line) & ids or any(text in row.line for text in texts)
    ]
    key = tuple_(corrupt_lines.c.file, corrupt_lines.c.offset)
    for start in range(0, len(gone), CHUNK):
        connection.execute(delete(corrupt_lines).where(key.in_(gone[start : start + CHUNK])))
    return len(gone)


def quoted(text: str) -> set[bytes]:
    """A text as it may stand in JSON: in ASCII, and in UTF-8."""
    return {f'"{written}"'.encode("utf-8", "replace") for written in _written(text)}


def _written(text: str) -> set[str]:
    return {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
