"""Spans as they arrive, the traces they make, and the calls found among them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Select, bindparam, func, or_, select, update

from smile_trace._text.log_context import about
from smile_trace.dialects import assemble, trace_of, version_of
from smile_trace.records import Call, Feedback, Span, Trace
from smile_trace.store.database import Database, in_chunks
from smile_trace.store.forgotten import forgotten_among, ids_in
from smile_trace.store.groups import Group
from smile_trace.store.reopened import reconsider
from smile_trace.store.statements import insert
from smile_trace.store.tables import (
    calls,
    corrupt_lines,
    feedback,
    resources,
    spans,
    spool_files,
    traces,
    trackers,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class SpoolFile:
    """How far a spool file has been read; `grown_at` is when it last had something new."""

    name: str
    inode: int
    offset: int
    grown_at: float


@dataclass(frozen=True)
class CorruptLine:
    """A line that cannot be read as spans, stored verbatim."""

    offset: int
    error: str
    line: bytes


class ArrivedSpan(NamedTuple):
    """A span and its JSON, serialized once when it was read. `resource` is the JSON of its resource
    where the body has none: the same text for the spans of one line."""

    span: Span
    body: str
    resource: str | None = None


class Arrivals:
    """Makes `ArrivedSpan`s of spans that share resources, each of which is serialized once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[dict[str, Any], str]] = {}

    def of(self, span: Span) -> ArrivedSpan:
        """The span as it is stored."""
        body = span.model_dump_json(exclude={"resource"})
        known = self._known.get(id(span.resource))
        if known is None:
            text = to_json(span.resource, inf_nan_mode="null").decode()
            known = self._known[id(span.resource)] = span.resource, text
        return ArrivedSpan(span, body, known[1])


class SpoolBatch(NamedTuple):
    """What some lines of a file held."""

    file: SpoolFile
    spans: list[ArrivedSpan]
    feedback: list[Feedback]
    corrupt: list[CorruptLine]

    @property
    def trace_ids(self) -> set[str]:
        """The traces that it is about, and may be about where it cannot be read."""
        ids = {arrived.span.trace_id for arrived in self.spans}
        ids |= {feedback.trace_id for feedback in self.feedback}
        return ids.union(*(ids_in(line.line) for line in self.corrupt))

    def without(self, trace_ids: Set[str]) -> "SpoolBatch":
        """What is left of it without those traces."""
        if not trace_ids:
            return self
        return SpoolBatch(
            self.file,
            [arrived for arrived in self.spans if arrived.span.trace_id not in trace_ids],
            [feedback for feedback in self.feedback if feedback.trace_id not in trace_ids],
            [line for line in self.corrupt if not ids_in(line.line) & trace_ids],
        )


class Added(NamedTuple):
    """What became of batches: the spans that were new, and the ids of forgotten traces among what
    came, of which nothing is kept."""

    spans: list[ArrivedSpan]
    forgotten: set[str]


class Traces:
    """Spool files, spans, traces, calls and feedback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- spool files ----------------------------------------------------------------------
    def files(self) -> dict[str, SpoolFile]:
        """Every spool file that was read from and is not forgotten yet, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(spool_files))
            return {row.name: SpoolFile(*row) for row in rows}

    def add(
        self,
        file: SpoolFile,
        arrived: Iterable[ArrivedSpan] = (),
        feedbacks: Iterable[Feedback] = (),
        corrupt: Iterable[CorruptLine] = (),
    ) -> Added:
        """As `add_many`, for one batch."""
        return self.add_many([SpoolBatch(file, list(arrived), list(feedbacks), list(corrupt))])

    def add_many(self, batches: Sequence[SpoolBatch]) -> Added:
        """Keep batches of files and how far they reach, all or nothing.

        A span that is known already changes nothing, so reading a file again is harmless. A
        span or a feedback that is new to a complete trace opens it again. What belongs to a
        trace that was forgotten is left out.
        """
        new: list[ArrivedSpan] = []
        with self._database.write() as connection:
            gone = forgotten_among(connection, {i for batch in batches for i in batch.trace_ids})
            for batch in (batch.without(gone) for batch in batches):
                _add_file(connection, batch.file)
                new += _add_spans(connection, batch.file, batch.spans)
                _add_feedback(connection, batch.feedback)
                _add_corrupt(connection, batch)
        return Added(new, gone)

    def forget_files(self, names: Sequence[str]) -> None:
        """Forget files that were read to their end and are removed, or are about to be."""
        if names:
            statement = spool_files.delete().where(spool_files.c.name == bindparam("gone"))
            with self._database.write() as connection:
                connection.execute(statement, [{"gone": name} for name in names])

    # -- traces ---------------------------------------------------------------------------
    def complete(
        self,
        *,
        gone: Sequence[str],
        silent_before: float,
        limit: int = 200,
        in_memory: Mapping[str, Sequence[Span]] | None = None,
    ) -> int:
        """Complete traces whose root has arrived or that nothing will be added to any more.

        Their calls are read here, by whatever dialect they are written in, and nowhere else: what
        is stored of them is what is explained, shown and delivered.

        Args:
            gone: the spool files whose process has ended and that are read to their end.
            silent_before: a trace to which nothing was added since this time counts as ended.
            limit: at most this many in one transaction.
            in_memory: spans that were new to the store a moment ago, by their trace's id: where
                they are all that it has of a trace, they are not read from it again.

        Returns:
            How many were completed; call again while it is `limit`.
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
        with self._database.write() as connection:
            rows = connection.execute(due).all()
            last = _last_position(connection)
            made, broken = _load(
                connection, [(r.trace_id, not r.has_root) for r in rows], _read, in_memory or {}
            )
            read = [row for _, of_trace in made for row in of_trace]
            reconsider(connection, [trace.trace_id for trace, _ in made], read)
            _put_calls(connection, read)
            _set_traces(
                connection,
                [
                    {
                        "completed": trace.trace_id,
                        "position": position,
                        "root_missing": trace.root_missing,
                    }
                    for position, (trace, _) in enumerate(made, start=last + 1)
                ],
            )
            _set_traces(
                connection,
                [{"completed": trace_id, "error": error} for trace_id, error in broken.items()],
            )
        return len(rows)

    def get(self, trace_ids: Sequence[str]) -> list[Trace]:
        """The traces of those ids, in the order given; unknown ones are skipped.

        Their calls are those that were read when they were completed.
        """
        with self._database.read() as connection:
            query = select(traces.c.trace_id, traces.c.has_root).where(
                traces.c.trace_id.in_(trace_ids)
            )
            has_root = {row.trace_id: row.has_root for row in connection.execute(query)}
            of_trace: dict[str, list[str]] = {}
            stored = select(calls.c.trace_id, calls.c.body).where(calls.c.superseded.is_(False))
            in_order = stored.order_by(calls.c.start_ns, calls.c.id)
            for row in in_chunks(connection, in_order, calls.c.trace_id, list(has_root)):
                of_trace.setdefault(row.trace_id, []).append(row.body)

            def make(
                trace_id: str, spans: Sequence[Span], said: Sequence[Feedback], root_missing: bool
            ) -> Trace:
                read = map(Call.model_validate_json, of_trace.get(trace_id, ()))
                return trace_of(trace_id, spans, tuple(read), said, root_missing)

            wanted = [(one, not has_root[one]) for one in trace_ids if one in has_root]
            return _load(connection, wanted, make)[0]

    def known(self, trace_ids: Sequence[str]) -> set[str]:
        """Those of the ids of which a span is there."""
        query = select(traces.c.trace_id)
        with self._database.read() as connection:
            return {
                row.trace_id for row in in_chunks(connection, query, traces.c.trace_id, trace_ids)
            }

    def call(self, call_id: str) -> Call | None:
        """The call of that id."""
        with self._database.read() as connection:
            body = connection.execute(select(calls.c.body).where(calls.c.id == call_id)).scalar()
        return None if body is None else Call.model_validate_json(body)

    def find_calls(self, prefix: str) -> list[str]:
        """The ids of the calls whose id begins with `prefix` (a trace id, or a part of it; also as
        MLflow writes it, `tr-…`)."""
        prefix = prefix.removeprefix("tr-")
        with self._database.read() as connection:
            query = select(calls.c.id).where(calls.c.id.startswith(prefix, autoescape=True))
            return list(connection.execute(query.order_by(calls.c.start_ns)).scalars())


def _add_file(connection: Connection, file: SpoolFile) -> None:
    row = {
        "name": file.name,
        "inode": file.inode,
        "offset": file.offset,
        "grown_at": file.grown_at,
    }
    statement = insert(spool_files).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def _add_corrupt(connection: Connection, batch: SpoolBatch) -> None:
    lines = [
        {
            "file": batch.file.name,
            "offset": line.offset,
            "error": line.error,
            "line": line.line,
            "kept_at": batch.file.grown_at,
        }
        for line in batch.corrupt
    ]
    if lines:
        connection.execute(insert(corrupt_lines).on_conflict_do_nothing(), lines)


def _add_spans(
    connection: Connection, file: SpoolFile, arrived: list[ArrivedSpan]
) -> list[ArrivedSpan]:
    """Store the spans that are new; gives these."""
    if not arrived:
        return []
    ids = sorted({a.span.trace_id for a in arrived})
    known_traces = in_chunks(connection, select(traces.c.trace_id), traces.c.trace_id, ids)
    known = {
        tuple(row)
        for row in in_chunks(
            connection,
            select(spans.c.trace_id, spans.c.span_id),
            spans.c.trace_id,
            [row.trace_id for row in known_traces],
        )
    }
    by_id = {(a.span.trace_id, a.span.span_id): a for a in reversed(arrived)}  # the first counts
    fresh = [by_id[key] for key in reversed(by_id) if key not in known]
    if not fresh:
        return []
    hashes = {text: _hash(text) for text in {a.resource for a in fresh} if text is not None}
    if hashes:
        connection.execute(
            insert(resources).on_conflict_do_nothing(),
            [{"hash": hashes[text], "body": text} for text in hashes],
        )
    connection.execute(
        insert(spans).on_conflict_do_nothing(),
        [
            {
                "trace_id": span.trace_id,
                "span_id": span.span_id,
                "start_ns": span.start_ns,
                "body": body,
                "resource": None if resource is None else hashes[resource],
            }
            for span, body, resource in fresh
        ],
    )
    rooted = {a.span.trace_id for a in fresh if a.span.parent_id is None}
    statement = insert(traces)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["trace_id"],
            set_={
                "file": statement.excluded.file,
                "has_root": or_(traces.c.has_root, statement.excluded.has_root),
                "changed_at": statement.excluded.changed_at,
                "position": None,
                "error": None,
            },
        ),
        [
            {
                "trace_id": trace_id,
                "file": file.name,
                "has_root": trace_id in rooted,
                "root_missing": False,
                "changed_at": file.grown_at,
            }
            for trace_id in dict.fromkeys(a.span.trace_id for a in fresh)
        ],
    )
    return fresh


def _add_feedback(connection: Connection, arrived: list[Feedback]) -> None:
    for item in arrived:
        statement = insert(feedback).values(
            id=item.id, trace_id=item.trace_id, body=item.model_dump_json()
        )
        new = statement.on_conflict_do_nothing().returning(feedback.c.id)
        if connection.execute(new).first() is not None:
            connection.execute(
                update(traces).where(traces.c.trace_id == item.trace_id).values(position=None)
            )


def _load(
    connection: Connection,
    wanted: Sequence[tuple[str, bool]],
    make: Callable[[str, Sequence[Span], Sequence[Feedback], bool], T],
    in_memory: Mapping[str, Sequence[Span]] = MappingProxyType({}),
) -> tuple[list[T], dict[str, str]]:
    """What is made of the traces that can be read, and why the others cannot."""
    ids = [trace_id for trace_id, _ in wanted]
    whole = _whole(connection, {i: in_memory[i] for i in ids if i in in_memory})
    bodies: dict[str, list[tuple[str, str | None]]] = {}
    stored = select(spans.c.trace_id, spans.c.body, spans.c.resource)
    for row in in_chunks(connection, stored, spans.c.trace_id, [i for i in ids if i not in whole]):
        bodies.setdefault(row.trace_id, []).append((row.body, row.resource))
    shared = _resources(connection, {of for held in bodies.values() for _, of in held if of})
    opinions: dict[str, list[str]] = {}
    query = select(feedback.c.trace_id, feedback.c.body)
    for row in in_chunks(connection, query, feedback.c.trace_id, ids):
        opinions.setdefault(row.trace_id, []).append(row.body)
    made: list[T] = []
    broken: dict[str, str] = {}
    for trace_id, root_missing in wanted:
        try:
            found = whole.get(trace_id) or [
                _span(body, shared.get(of or "")) for body, of in bodies.get(trace_id, ())
            ]
            said = [Feedback.model_validate_json(body) for body in opinions.get(trace_id, ())]
            made.append(make(trace_id, found, said, root_missing))
        except Exception as error:  # hostile input must not hold up the other traces
            with about(trace_id=trace_id):
                logger.warning("trace %s cannot be read", trace_id, exc_info=True)
            broken[trace_id] = f"{type(error).__name__}: {str(error)[:1000]}"
    return made, broken


def _whole(
    connection: Connection, in_memory: Mapping[str, Sequence[Span]]
) -> Mapping[str, Sequence[Span]]:
    """Those of the traces of which the store has no other spans."""
    query = select(spans.c.trace_id, func.count().label("number")).group_by(spans.c.trace_id)
    rows = in_chunks(connection, query, spans.c.trace_id, list(in_memory))
    counts = {row.trace_id: row.number for row in rows}
    return {of: held for of, held in in_memory.items() if len(held) == counts.get(of)}


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _resources(connection: Connection, hashes: Set[str]) -> dict[str, dict[str, Any]]:
    query: Select[Any] = select(resources)
    found = in_chunks(connection, query, resources.c.hash, sorted(hashes))
    return {row.hash: from_json(row.body) for row in found}


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


def _set_traces(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set the columns that stand beside `completed`, the trace's id: the same in every row."""
    if rows:  # one statement for all of them: compiling one each takes longer than the rest
        columns: dict[str, Any] = {n: bindparam(n) for n in rows[0] if n != "completed"}
        of_each = update(traces).where(traces.c.trace_id == bindparam("completed"))
        connection.execute(of_each.values(columns), rows)


def _read(
    trace_id: str, spans: Sequence[Span], said: Sequence[Feedback], root_missing: bool
) -> tuple[Trace, list[dict[str, Any]]]:
    """The trace, and its calls as rows."""
    trace = assemble(trace_id, spans, said, root_missing)
    return trace, [_row(call) for call in trace.calls]


def _row(call: Call) -> dict[str, Any]:
    """The call as a row, which can be read again: else its trace is set aside."""
    body = call.model_dump_json(warnings="error")  # a field of another type than it says
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


def _put_calls(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        statement = insert(calls)
        changed = [name for name in rows[0] if name not in ("id", "trace_id")]
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_={name: statement.excluded[name] for name in changed}
            ),
            rows,
        )
