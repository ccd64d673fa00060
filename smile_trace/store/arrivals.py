"""Arrivals: how far files and sources were read, and the spans and feedback found in them."""

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection, select, update

from smile_trace.errors import ReasonCode
from smile_trace.records import Feedback, Record, Span
from smile_trace.store.database import OfDatabase, rows_among
from smile_trace.store.database.rows import insert_rows, skip
from smile_trace.store.database.sql import insert, upsert
from smile_trace.store.forgotten import ids_in
from smile_trace.store.packing import packing
from smile_trace.store.tables import (
    corrupt_lines,
    feedback,
    pulled,
    resources,
    spans,
    spool_files,
    traces,
)

LATE_SECONDS = 600.0
"""How long after its beginning a trace may still get spans, or arrive at all. A place that was read
completely has an `until_ms` so long ago."""


@dataclass(frozen=True)
class SpoolFile:
    """The progress in a spool file; `grown_at` is when it last had something new."""

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
    """A span and its JSON, serialized once when it was read. `resource` is its resource's JSON if
    the body has none: the same text for all spans of one line."""

    span: Span
    body: str
    resource: str | None = None


class Arrivals:
    """Makes `ArrivedSpan`s of spans that share resources, each of which is serialized once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[dict[str, Any], str]] = {}

    def of(self, span: Span) -> ArrivedSpan:
        """The span as it is stored."""
        fields = {name: value for name, value in vars(span).items() if name != "resource"}
        body = to_json(fields, inf_nan_mode="null").decode()
        known = self._known.get(id(span.resource))
        if known is None:
            text = to_json(span.resource, inf_nan_mode="null").decode()
            known = self._known[id(span.resource)] = span.resource, text
        return ArrivedSpan(span, body, known[1])


class SpoolBatch(NamedTuple):
    """The contents of some lines of a file."""

    file: SpoolFile
    spans: list[ArrivedSpan]
    feedback: list[Feedback]
    corrupt: list[CorruptLine]

    @property
    def trace_ids(self) -> set[str]:
        """Its traces, and those that its unreadable lines may be about."""
        ids = {arrived.span.trace_id for arrived in self.spans}
        ids |= {feedback.trace_id for feedback in self.feedback}
        return ids.union(*(ids_in(line.line) for line in self.corrupt))

    def without(self, trace_ids: Set[str]) -> "SpoolBatch":
        """The batch without those traces."""
        if not trace_ids:
            return self
        return SpoolBatch(
            self.file,
            [arrived for arrived in self.spans if arrived.span.trace_id not in trace_ids],
            [feedback for feedback in self.feedback if feedback.trace_id not in trace_ids],
            [line for line in self.corrupt if not ids_in(line.line) & trace_ids],
        )


class Added(NamedTuple):
    """How many traces are complete already, and the ids of forgotten ones among the batches, which
    are not kept."""

    completed: int
    forgotten: set[str]


class Grown(NamedTuple):
    """A trace's new spans, the file with the last of them, and whether none was there before."""

    spans: list[Span]
    file: SpoolFile
    is_new: bool


def add_batches(connection: Connection, batches: Sequence[SpoolBatch]) -> dict[str, Grown]:
    """Store all of the batches but their traces, and how far the files are read; returns what is
    new of each trace."""
    for batch in batches:
        connection.execute(upsert(spool_files, asdict(batch.file)))
        _add_feedback(connection, batch.feedback)
        _add_corrupt(connection, batch)
    return _add_spans(connection, [(a, batch.file) for batch in batches for a in batch.spans])


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
    connection: Connection, arrived: Sequence[tuple[ArrivedSpan, SpoolFile]]
) -> dict[str, Grown]:
    there, known = _known_spans(connection, {a.span.trace_id for a, _ in arrived})
    # The first one counts.
    by_id = {(one[0].span.trace_id, one[0].span.span_id): one for one in reversed(arrived)}
    read = [by_id[key] for key in reversed(by_id) if key not in known]
    if not read:
        return {}
    fresh = [one for one, _ in read]
    hashes = {text: _hash(text) for text in {a.resource for a in fresh} if text is not None}
    bodies = [{"hash": hashes[text], "body": text} for text in hashes]
    insert_rows(connection, resources, bodies, skip)
    pack = packing(connection)
    insert_rows(
        connection,
        spans,
        [
            {
                "trace_id": span.trace_id,
                "span_id": span.span_id,
                "start_ns": span.start_ns,
                "resource": None if resource is None else hashes[resource],
                **pack("body", body),
            }
            for span, body, resource in fresh
        ],
        skip,
    )
    grown: dict[str, Grown] = {}
    for (span, _, _), file in read:
        before = grown.get(span.trace_id) or Grown([], file, span.trace_id not in there)
        before.spans.append(span)
        grown[span.trace_id] = before._replace(file=file)
    return grown


def _known_spans(
    connection: Connection, trace_ids: Set[str]
) -> tuple[list[str], set[tuple[str, str]]]:
    """The traces among these that are there, and their spans."""
    query = select(traces.c.trace_id)
    there = [
        r.trace_id for r in rows_among(connection, query, traces.c.trace_id, sorted(trace_ids))
    ]
    query = select(spans.c.trace_id, spans.c.span_id)
    rows = rows_among(connection, query, spans.c.trace_id, there)
    return there, {(row.trace_id, row.span_id) for row in rows}


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


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Pulled(Record):
    """A place (an experiment, a project) of a source.

    Everything that began before `until_ms` (Unix milliseconds) was read for good, and is counted:
    `traces` with `calls`, of which `kept` are in the store. `reason` is set while it cannot be
    read.
    """

    source: str
    place: str
    until_ms: int = 0
    traces: int = 0
    calls: int = 0
    kept: int = 0
    reason: str | None = None
    reason_code: ReasonCode | None = None


class PulledPlaces(OfDatabase):
    """The places, each with one row."""

    def get(self, source: str, place: str) -> Pulled:
        """The place as it was last noted."""
        query = select(pulled).where(pulled.c.source == source, pulled.c.place == place)
        row = self._database.first(query)
        return Pulled(source=source, place=place) if row is None else Pulled(**row._mapping)

    def note(self, state: Pulled) -> None:
        """Store the state in place of the last one."""
        self._database.change(upsert(pulled, state.model_dump()))


def read_places(connection: Connection) -> tuple[Pulled, ...]:
    """All places, by source and place."""
    query = select(pulled).order_by(pulled.c.source, pulled.c.place)
    return tuple(Pulled(**row._mapping) for row in connection.execute(query))
