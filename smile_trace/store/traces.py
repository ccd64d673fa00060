"""Spans as they arrive, the traces they make, and the calls found among them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from smile_trace.records import Call, Feedback, Span, Trace
from smile_trace.store.database import Database
from smile_trace.store.tables import calls, corrupt_lines, feedback, spans, spool_files, traces

Assemble = Callable[[str, Sequence[Span], Sequence[Feedback], bool], Trace]
"""(trace id, spans, feedback, stand-in root) -> Trace; the dialects' `assemble`."""


@dataclass(frozen=True)
class SpoolFile:
    """How far a spool file has been read; `grown_at` is when it last had something new."""

    name: str
    inode: int
    offset: int
    grown_at: float


@dataclass(frozen=True)
class CorruptLine:
    """A line that is no span: kept as it was."""

    offset: int
    error: str
    line: bytes


def group_of(call: Call) -> str:
    """What the sampling minimum counts: the prompt version, or else the function."""
    if call.prompts:
        return f"prompt {call.prompts[0].name} version {call.prompts[0].version}"
    return f"function {call.name}"


class Traces:
    """The captured half of the store."""

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
        arrived: Iterable[Span] = (),
        feedbacks: Iterable[Feedback] = (),
        corrupt: Iterable[CorruptLine] = (),
    ) -> None:
        """Keep one batch of a file and how far it reaches, all or nothing.

        A span that is known already changes nothing, so reading a file again is harmless. A
        span or a feedback that is new to a complete trace opens it again.
        """
        with self._database.write() as connection:
            row = {
                "name": file.name,
                "inode": file.inode,
                "offset": file.offset,
                "grown_at": file.grown_at,
            }
            statement = insert(spool_files).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
            _add_spans(connection, file, list(arrived))
            _add_feedback(connection, list(feedbacks))
            lines = [
                {"file": file.name, "offset": c.offset, "error": c.error, "line": c.line}
                for c in corrupt
            ]
            if lines:
                connection.execute(insert(corrupt_lines).on_conflict_do_nothing(), lines)

    def forget_file(self, name: str) -> None:
        """Forget a file that was read to its end and is about to be removed."""
        with self._database.write() as connection:
            connection.execute(spool_files.delete().where(spool_files.c.name == name))

    # -- traces ---------------------------------------------------------------------------
    def complete(
        self, assemble: Assemble, *, gone: Sequence[str], silent_before: float, limit: int = 200
    ) -> int:
        """Complete traces whose root has arrived or whose process will write no more.

        Args:
            assemble: makes the Trace of the spans.
            gone: the spool files whose process has ended and that are read to their end.
            silent_before: a process that last wrote before this time counts as silent.
            limit: at most this many in one transaction.

        Returns:
            How many were completed; call again while it is `limit`.
        """
        silent = select(spool_files.c.name).where(spool_files.c.grown_at < silent_before)
        known = select(spool_files.c.name)
        abandoned = or_(
            traces.c.file.in_(gone), traces.c.file.in_(silent), traces.c.file.not_in(known)
        )
        due = (
            select(traces.c.trace_id, traces.c.has_root)
            .where(traces.c.position.is_(None), or_(traces.c.has_root, abandoned))
            .limit(limit)
        )
        with self._database.write() as connection:
            rows = connection.execute(due).all()
            last = connection.execute(select(func.max(traces.c.position))).scalar() or 0
            made = _load(connection, [(row.trace_id, not row.has_root) for row in rows], assemble)
            _put_calls(connection, made)
            for position, trace in enumerate(made, start=last + 1):
                connection.execute(
                    update(traces)
                    .where(traces.c.trace_id == trace.trace_id)
                    .values(position=position, stand_in_root=trace.stand_in_root)
                )
        return len(rows)

    def get(self, trace_ids: Sequence[str], assemble: Assemble) -> list[Trace]:
        """The traces of those ids, in the order given; unknown ones are left out."""
        with self._database.read() as connection:
            query = select(traces.c.trace_id, traces.c.stand_in_root, traces.c.has_root).where(
                traces.c.trace_id.in_(trace_ids)
            )
            found = {row.trace_id: not row.has_root for row in connection.execute(query)}
            wanted = [(trace_id, found[trace_id]) for trace_id in trace_ids if trace_id in found]
            return _load(connection, wanted, assemble)

    def call(self, call_id: str) -> Call | None:
        """The call of that id."""
        with self._database.read() as connection:
            body = connection.execute(select(calls.c.body).where(calls.c.id == call_id)).scalar()
        return None if body is None else Call.model_validate_json(body)

    def find_calls(self, prefix: str) -> list[str]:
        """The ids of the calls whose id begins with `prefix` (a trace id, or a part of it)."""
        with self._database.read() as connection:
            query = select(calls.c.id).where(calls.c.id.startswith(prefix, autoescape=True))
            return list(connection.execute(query.order_by(calls.c.start_ns)).scalars())


def _add_spans(connection: Connection, file: SpoolFile, arrived: list[Span]) -> None:
    if not arrived:
        return
    ids = sorted({span.trace_id for span in arrived})
    known_traces = _in_chunks(connection, select(traces.c.trace_id), traces.c.trace_id, ids)
    known = {
        tuple(row)
        for row in _in_chunks(
            connection,
            select(spans.c.trace_id, spans.c.span_id),
            spans.c.trace_id,
            [row.trace_id for row in known_traces],
        )
    }
    fresh = [span for span in arrived if (span.trace_id, span.span_id) not in known]
    if not fresh:
        return
    connection.execute(
        insert(spans).on_conflict_do_nothing(),
        [
            {
                "trace_id": span.trace_id,
                "span_id": span.span_id,
                "start_ns": span.start_ns,
                "body": span.model_dump_json(),
            }
            for span in fresh
        ],
    )
    rooted = {span.trace_id for span in fresh if span.parent_id is None}
    statement = insert(traces)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["trace_id"],
            set_={
                "file": statement.excluded.file,
                "has_root": or_(traces.c.has_root, statement.excluded.has_root),
                "changed_at": statement.excluded.changed_at,
                "position": None,
            },
        ),
        [
            {
                "trace_id": trace_id,
                "file": file.name,
                "has_root": trace_id in rooted,
                "stand_in_root": False,
                "changed_at": file.grown_at,
            }
            for trace_id in dict.fromkeys(span.trace_id for span in fresh)
        ],
    )


def _add_feedback(connection: Connection, arrived: list[Feedback]) -> None:
    for item in arrived:
        statement = insert(feedback).values(
            id=item.id, trace_id=item.trace_id, body=item.model_dump_json()
        )
        if connection.execute(statement.on_conflict_do_nothing()).rowcount:
            connection.execute(
                update(traces).where(traces.c.trace_id == item.trace_id).values(position=None)
            )


def _load(
    connection: Connection, wanted: Sequence[tuple[str, bool]], assemble: Assemble
) -> list[Trace]:
    ids = [trace_id for trace_id, _ in wanted]
    by_trace: dict[str, list[Span]] = {}
    rows = _in_chunks(connection, select(spans.c.trace_id, spans.c.body), spans.c.trace_id, ids)
    for row in rows:
        by_trace.setdefault(row.trace_id, []).append(Span.model_validate_json(row.body))
    opinions: dict[str, list[Feedback]] = {}
    rows = _in_chunks(
        connection, select(feedback.c.trace_id, feedback.c.body), feedback.c.trace_id, ids
    )
    for row in rows:
        opinions.setdefault(row.trace_id, []).append(Feedback.model_validate_json(row.body))
    return [
        assemble(trace_id, by_trace[trace_id], opinions.get(trace_id, ()), stand_in)
        for trace_id, stand_in in wanted
    ]


def _put_calls(connection: Connection, made: Iterable[Trace]) -> None:
    rows = [
        {
            "id": call.id,
            "trace_id": call.trace_id,
            "group": group_of(call),
            "start_ns": call.start_ns,
            "body": call.model_dump_json(),
        }
        for trace in made
        for call in trace.calls
    ]
    if rows:
        statement = insert(calls)
        update_ = {name: statement.excluded[name] for name in ("group", "start_ns", "body")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_=update_), rows
        )


def _in_chunks(
    connection: Connection, query: Select[Any], column: Column[str], values: Sequence[str]
) -> list[Row[Any]]:
    # SQLite takes a bounded number of variables in one statement.
    rows: list[Row[Any]] = []
    for start in range(0, len(values), 500):
        rows += connection.execute(query.where(column.in_(values[start : start + 500]))).all()
    return rows


__all__ = ["Assemble", "CorruptLine", "SpoolFile", "Traces", "group_of"]
