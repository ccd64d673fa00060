"""Traces made of spans, and their calls, which are read once."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic_core import from_json
from sqlalchemy import Connection, Row, bindparam, delete, func, null, or_, select, update

from smile_trace._guards.collector import without_collector
from smile_trace._text.log_context import about
from smile_trace.dialects import assemble, trace_of, version_of
from smile_trace.errors import ReasonCode
from smile_trace.records import Call, Feedback, Record, Span, Trace
from smile_trace.records.base import Counts
from smile_trace.store.arrivals import (
    Added,
    ArrivedSpan,
    CorruptLine,
    Grown,
    SpoolBatch,
    SpoolFile,
    add_batches,
)
from smile_trace.store.database import OfDatabase, lookup, rows_among
from smile_trace.store.database.rows import insert_rows, update_rows
from smile_trace.store.database.sql import Insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.packing import packing
from smile_trace.store.tables import (
    Group,
    calls,
    deliveries,
    explanations,
    feedback,
    jobs,
    resources,
    spans,
    spool_files,
    traces,
    trackers,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


_OPEN = ("pending", "skipped")
"""States of jobs that have asked nothing."""
_SURELY_READABLE = 150
"""Brackets in a text that cannot be nested too deeply to be read: that is some 200 levels."""
AT_ONCE = 200
"""Traces of one transaction that are read from the store."""


class Change(Record):
    """A call that reads otherwise than it is stored.

    Attributes:
        fields: the fields that differ; empty for a new call or one that is gone.
        read_by: the dialect and release that had read it; None if new, imported, or read before
            that was noted.
        explained: whether its earlier reading was explained.
    """

    call_id: str
    kind: Literal["changed", "new", "gone"]
    fields: tuple[str, ...] = ()
    read_by: str | None = None
    explained: bool = False


class Reread(Counts):
    """The result of reading stored traces again. Traces that are `unreadable` for today's dialects
    stay as they were."""

    traces: int = 0
    unreadable: int = 0
    changes: tuple[Change, ...] = ()


_roots_of = lookup(select(traces.c.trace_id, traces.c.has_root), traces.c.trace_id)
_calls_of = lookup(
    select(calls.c.trace_id, calls.c.body)
    .where(calls.c.superseded.is_(False))
    .order_by(calls.c.start_ns, calls.c.id),
    calls.c.trace_id,
)
_spans_of = lookup(select(spans.c.trace_id, spans.c.body, spans.c.resource), spans.c.trace_id)
_resources_of = lookup(select(resources), resources.c.hash)
_feedback_of = lookup(select(feedback.c.trace_id, feedback.c.body), feedback.c.trace_id)


class Traces(OfDatabase):
    """Spool files, spans, traces, calls and feedback."""

    # -- spool files ----------------------------------------------------------------------
    def files(self) -> dict[str, SpoolFile]:
        """Every spool file that was read from and is not forgotten yet, by name."""
        return {row.name: SpoolFile(*row) for row in self._database.rows(select(spool_files))}

    def add(
        self,
        file: SpoolFile,
        arrived: Iterable[ArrivedSpan] = (),
        feedbacks: Iterable[Feedback] = (),
        corrupt: Iterable[CorruptLine] = (),
    ) -> Added:
        """Store one batch: `add_many`."""
        return self.add_many([SpoolBatch(file, list(arrived), list(feedbacks), list(corrupt))])

    def add_many(self, batches: Sequence[SpoolBatch]) -> Added:
        """Store batches of files and how far they reach, all or nothing.

        A known span changes nothing, so reading a file again is harmless. A new trace is complete
        if its root is there; a new span or feedback opens a complete one again. Forgotten traces
        are left out.
        """
        with self._database.write() as connection:
            gone = forgotten_among(connection, {i for batch in batches for i in batch.trace_ids})
            grown = add_batches(connection, [batch.without(gone) for batch in batches])
            return Added(_add_traces(connection, grown), gone)

    def forget_files(self, names: Sequence[str]) -> None:
        """Forget files that were read to their end and are removed, or are about to be."""
        if names:
            statement = spool_files.delete().where(spool_files.c.name == bindparam("gone"))
            with self._database.write() as connection:
                connection.execute(statement, [{"gone": name} for name in names])

    # -- traces ---------------------------------------------------------------------------
    def complete(self, *, gone: Sequence[str], silent_before: float, limit: int = AT_ONCE) -> int:
        """Complete traces whose root arrived after other spans, or that will not grow any more;
        returns how many. Call again while that is `limit`.

        At completion, here or in `add_many`, their calls are read by their dialect, and nowhere
        else: the stored calls are what is explained, shown and delivered.

        Args:
            gone: the spool files whose process has ended and that are read to their end.
            silent_before: a trace to which nothing was added since this time counts as ended.
            limit: the most traces.
        """
        known = select(spool_files.c.name)
        abandoned = or_(
            traces.c.file.in_(gone),
            traces.c.file.not_in(known),
            # Of the trace, not of its file: a receiver's file grows as long as anybody sends.
            traces.c.changed_at < silent_before,
        )
        due = (
            select(traces.c.trace_id, traces.c.has_root)
            .where(
                traces.c.position.is_(None),
                traces.c.error.is_(None),
                or_(traces.c.has_root, abandoned),
            )
            .limit(limit)
        )
        with without_collector(), self._database.write() as connection:
            rows = connection.execute(due).all()
            wanted = [(row.trace_id, not row.has_root) for row in rows]
            made, broken = _load(connection, wanted, _read)
            _keep(connection, made)
            update_rows(
                connection,
                traces,
                ("trace_id",),
                [{"trace_id": trace_id, "error": error} for trace_id, error in broken.items()],
            )
        return len(rows)

    def reread(self, since_ns: int, *, dry_run: bool = False) -> Reread:
        """Read the calls of complete traces again, by the dialects of today.

        A trace that reads otherwise is delivered again, and sampling decides anew about its changed
        calls that were skipped. Explained calls keep the explanation of their earlier reading.

        Args:
            since_ns: Unix nanoseconds; a trace counts if one of its spans began then or later.
            dry_run: only tell what would change.
        """
        of_that_time = select(spans.c.trace_id).where(spans.c.start_ns >= since_ns).distinct()
        ids = sorted(self._database.column(of_that_time))
        total = Reread()
        for start in range(0, len(ids), AT_ONCE):
            with self._database.write() as connection:
                trial = connection.begin_nested()
                total += _read_again(connection, ids[start : start + AT_ONCE])
                if dry_run:
                    trial.rollback()
        return total

    def get(self, trace_ids: Sequence[str]) -> list[Trace]:
        """The traces of those ids, in the order given, with their calls as read at completion.
        Unknown ids are skipped."""
        with without_collector(), self._database.read() as connection:
            has_root = {row.trace_id: row.has_root for row in _roots_of(connection, trace_ids)}
            of_trace: dict[str, list[str]] = {}
            for row in _calls_of(connection, list(has_root)):
                of_trace.setdefault(row.trace_id, []).append(row.body)

            def make(
                trace_id: str, spans: Sequence[Span], said: Sequence[Feedback], root_missing: bool
            ) -> Trace:
                read = map(Call.model_validate_json, of_trace.get(trace_id, ()))
                return trace_of(trace_id, spans, tuple(read), said, root_missing)

            wanted = [(one, not has_root[one]) for one in trace_ids if one in has_root]
            return _load(connection, wanted, make)[0]

    def known(self, trace_ids: Sequence[str]) -> set[str]:
        """The ids, among these, with a span in the store."""
        query = select(traces.c.trace_id)
        with self._database.read() as connection:
            return {
                row.trace_id for row in rows_among(connection, query, traces.c.trace_id, trace_ids)
            }

    def call(self, call_id: str) -> Call | None:
        """The call of that id."""
        body = self._database.value(select(calls.c.body).where(calls.c.id == call_id))
        return None if body is None else Call.model_validate_json(body)

    def find_calls(self, prefix: str) -> list[str]:
        """The ids of the calls of `prefix`: a trace id or its beginning, also in MLflow's form
        (`tr-…`), with or without a span id or its beginning (`TRACE:SPAN`)."""
        trace, span = prefix.removeprefix("tr-").partition(":")[::2]
        of_trace = calls.c.id.startswith(trace, autoescape=True)
        of_span = calls.c.id.contains(f":{span}", autoescape=True)
        query = select(calls.c.id).where(of_trace, of_span).order_by(calls.c.start_ns)
        return self._database.column(query)


def _load(
    connection: Connection,
    wanted: Sequence[tuple[str, bool]],
    make: Callable[[str, Sequence[Span], Sequence[Feedback], bool], T],
    in_memory: Mapping[str, Sequence[Span]] = MappingProxyType({}),
) -> tuple[list[T], dict[str, str]]:
    """The results of `make` for the readable traces, and why the others cannot be read. Spans that
    are `in_memory` are all of their trace."""
    ids = [trace_id for trace_id, _ in wanted]
    bodies: dict[str, list[tuple[str, str | None]]] = {}
    for row in _spans_of(connection, [i for i in ids if i not in in_memory]):
        bodies.setdefault(row.trace_id, []).append((row.body, row.resource))
    shared = _resources(connection, {of for held in bodies.values() for _, of in held if of})
    opinions: dict[str, list[str]] = {}
    for row in _feedback_of(connection, ids):
        opinions.setdefault(row.trace_id, []).append(row.body)
    made: list[T] = []
    broken: dict[str, str] = {}
    for trace_id, root_missing in wanted:
        try:
            found = in_memory.get(trace_id) or [
                _span(body, shared.get(of or "")) for body, of in bodies.get(trace_id, ())
            ]
            said = [Feedback.model_validate_json(body) for body in opinions.get(trace_id, ())]
            made.append(make(trace_id, found, said, root_missing))
        except Exception as error:  # hostile input must not hold up the other traces
            with about(trace_id=trace_id):
                logger.warning("trace %s cannot be read", trace_id, exc_info=True)
            broken[trace_id] = f"{type(error).__name__}: {str(error)[:1000]}"
    return made, broken


def _add_traces(connection: Connection, grown: Mapping[str, Grown]) -> int:
    """Add new traces, complete if their root is there, and open others again; returns how many are
    complete."""
    rooted = {
        trace_id: one.spans
        for trace_id, one in grown.items()
        if any(span.parent_id is None for span in one.spans)
    }
    whole = {trace_id: spans for trace_id, spans in rooted.items() if grown[trace_id].is_new}
    made, broken = _load(connection, [(trace_id, False) for trace_id in whole], _read, whole)
    positions = _keep_calls(connection, made)
    insert_rows(
        connection,
        traces,
        [
            {
                "trace_id": trace_id,
                "file": one.file.name,
                "has_root": trace_id in rooted,
                "root_missing": False,
                "changed_at": one.file.grown_at,
                "position": positions.get(trace_id),
                "error": broken.get(trace_id),
            }
            for trace_id, one in grown.items()
        ],
        _opened_again,
    )
    return len(whole)


def _opened_again(statement: Insert) -> Insert:
    """What becomes of a trace that is there: it is to be completed again."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["trace_id"],
        set_={
            "file": new.file,
            "has_root": or_(traces.c.has_root, new.has_root),
            "changed_at": new.changed_at,
            "position": null(),
            "error": null(),
        },
    )


def _resources(connection: Connection, hashes: Set[str]) -> dict[str, dict[str, Any]]:
    return {row.hash: from_json(row.body) for row in _resources_of(connection, sorted(hashes))}


def _span(body: str, resource: dict[str, Any] | None) -> Span:
    """A stored span; those of one resource share it."""
    if resource is None:
        return Span.model_validate_json(body)
    return Span.model_validate(from_json(body) | {"resource": resource})


def _last_position(connection: Connection) -> int:
    # A trace that was opened again has given its position back, but no tracker may see that
    # position for a second time: hence theirs count, too.
    given = connection.execute(select(func.max(traces.c.position))).scalar() or 0
    seen = connection.execute(select(func.max(trackers.c.trace_position))).scalar() or 0
    return max(given, seen)


Made = Sequence[tuple[Trace, list[dict[str, Any]]]]
"""Traces that were just read, with the rows of their calls."""


def _keep(connection: Connection, made: Made) -> None:
    """Store the calls of traces, and complete these; every tracker gets them."""
    positions = _keep_calls(connection, made)
    update_rows(
        connection,
        traces,
        ("trace_id",),
        [
            {
                "trace_id": trace.trace_id,
                "position": positions[trace.trace_id],
                "root_missing": trace.root_missing,
                "error": None,
            }
            for trace, _ in made
        ],
    )


def _keep_calls(connection: Connection, made: Made) -> dict[str, int]:
    """Store the calls of traces, and return the traces' next positions."""
    if not made:
        return {}
    last = _last_position(connection)
    rows = [row for _, of_trace in made for row in of_trace]
    _reconsider(connection, [trace.trace_id for trace, _ in made], rows)
    _put_calls(connection, rows)
    return {trace.trace_id: at for at, (trace, _) in enumerate(made, start=last + 1)}


def _read_again(connection: Connection, trace_ids: Sequence[str]) -> Reread:
    query = select(traces.c.trace_id, traces.c.has_root, traces.c.error).where(
        or_(traces.c.position.is_not(None), traces.c.error.is_not(None))
    )
    rows = rows_among(connection, query, traces.c.trace_id, trace_ids)
    were_unreadable = {row.trace_id for row in rows if row.error is not None}
    made, broken = _load(connection, [(row.trace_id, not row.has_root) for row in rows], _read)
    of_trace: dict[str, dict[str, Row[Any]]] = {}
    stored = select(calls).where(calls.c.superseded.is_(False))
    for row in rows_among(connection, stored, calls.c.trace_id, [t.trace_id for t, _ in made]):
        of_trace.setdefault(row.trace_id, {})[row.id] = row
    explained = set(
        rows_among(connection, select(explanations.c.call_id), explanations.c.trace_id, trace_ids)
    )
    changes: list[Change] = []
    otherwise: list[tuple[Trace, list[dict[str, Any]]]] = []
    for trace, calls_now in made:
        found = list(_changes(of_trace.get(trace.trace_id, {}), trace.calls))
        if found or trace.trace_id in were_unreadable:
            otherwise.append((trace, calls_now))
            changes += [
                one.model_copy(update={"explained": (one.call_id,) in explained}) for one in found
            ]
        else:
            _note_reader(connection, calls_now)
    _keep(connection, otherwise)
    return Reread(traces=len(made), unreadable=len(broken), changes=tuple(changes))


def _changes(stored: Mapping[str, Row[Any]], calls_now: Sequence[Call]) -> Iterator[Change]:
    now = {call.id: call for call in calls_now}
    for call_id, row in stored.items():
        if call_id not in now:
            yield Change(call_id=call_id, kind="gone", read_by=row.read_by)
            continue
        before = Call.model_validate_json(row.body)
        fields = tuple(
            name
            for name in Call.model_fields
            if getattr(before, name) != getattr(now[call_id], name)
        )
        if fields:
            yield Change(call_id=call_id, kind="changed", fields=fields, read_by=row.read_by)
    for call_id in now.keys() - stored.keys():
        yield Change(call_id=call_id, kind="new")


def _note_reader(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note today's reader of calls, which agrees with what is stored."""
    of_each = update(calls).where(calls.c.id == bindparam("of"))
    if rows:
        connection.execute(
            of_each.values(read_by=bindparam("by")),
            [{"of": row["id"], "by": row["read_by"]} for row in rows],
        )


def _read(
    trace_id: str, spans: Sequence[Span], said: Sequence[Feedback], root_missing: bool
) -> tuple[Trace, list[dict[str, Any]]]:
    trace = assemble(trace_id, spans, said, root_missing)
    return trace, [_row(call) for call in trace.calls]


def _row(call: Call) -> dict[str, Any]:
    """The call as a row that can be read again; an error sets its trace aside."""
    body = call.model_dump_json(warnings="error")  # a field of another type than it says
    if body.count("[") + body.count("{") > _SURELY_READABLE:
        from_json(body)  # JSON nested more deeply than what reads it can
    return {
        "id": call.id,
        "trace_id": call.trace_id,
        **Group.of(call).values,
        "start_ns": call.start_ns,
        "body": body,
        "read_by": version_of(call.dialect),
        "superseded": False,
    }


_KEPT = ("id", "trace_id", "decided")
"""What stays of a call that is read again."""


def _read_again_as(statement: Insert) -> Insert:
    new = {one.name: statement.excluded[one.name] for one in calls.c if one.name not in _KEPT}
    return statement.on_conflict_do_update(index_elements=["id"], set_=new)


def _put_calls(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    pack = packing(connection)
    new = [{**row, **pack("body", row["body"]), "decided": False} for row in rows]
    insert_rows(connection, calls, new, _read_again_as)


def _reconsider(
    connection: Connection, trace_ids: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Let sampling decide anew about calls that read otherwise now and were skipped, or wait though
    they cannot be asked again; remove calls that are gone: if something was asked for them, they
    stay as `superseded`. Precedes writing the `rows`."""
    query = select(calls.c.id, calls.c.body)
    known = {row.id: row.body for row in rows_among(connection, query, calls.c.trace_id, trace_ids)}
    if not known:
        return
    now = {row["id"]: row["body"] for row in rows}
    for call_id, body in known.items():
        if call_id not in now:
            _remove(connection, call_id)
        elif now[call_id] != body:
            _decide_anew(connection, call_id, from_json(now[call_id]))


def _decide_anew(connection: Connection, call_id: str, call: Mapping[str, Any]) -> None:
    explained = explanations.c.call_id == call_id  # its group may be another one now
    connection.execute(update(explanations).where(explained).values(group_kind=None))
    anew = (jobs.c.state == "skipped") & (jobs.c.reason_code != ReasonCode.NOT_SAMPLED)
    if call.get("not_repeatable"):  # what came late says that it cannot be asked as it was sent
        anew |= jobs.c.state == "pending"
    undone = delete(jobs).where(jobs.c.call_id == call_id, anew)
    if connection.execute(undone).rowcount:
        connection.execute(update(calls).where(calls.c.id == call_id).values(decided=False))


def _remove(connection: Connection, call_id: str) -> None:
    own = jobs.c.call_id == call_id
    if connection.execute(select(jobs.c.id).where(own, jobs.c.state.not_in(_OPEN))).first():
        connection.execute(update(calls).where(calls.c.id == call_id).values(superseded=True))
        return
    connection.execute(delete(jobs).where(own))
    connection.execute(delete(calls).where(calls.c.id == call_id))
    told = deliveries.c.kind == "unexplained"
    connection.execute(delete(deliveries).where(told, deliveries.c.item == call_id))
