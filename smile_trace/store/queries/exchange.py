"""Explanations as JSON Lines: out of one store, into another."""

import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from smile_trace.errors import SmileTraceError
from smile_trace.records import Call, Explanation, Record
from smile_trace.records.entry import Entry, EntryUnreadable
from smile_trace.store.database import Database
from smile_trace.store.database.sql import insert
from smile_trace.store.explanations import put_explanation, read_explanation
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.jobs import NO_REASON
from smile_trace.store.packing import packing
from smile_trace.store.tables import Group, calls, explanations, jobs

BATCH = 100
"""Lines of one transaction."""

_TRACE_ID, _SPAN_ID = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")


class ImportFailed(SmileTraceError):
    """A line cannot be imported; the message says which one and why."""


class Imported(Record):
    """How many explanations were new, known already, or not imported: their trace was forgotten, or
    the line lacks a call or its explanation."""

    new: int = 0
    known: int = 0
    forgotten: int = 0
    without_call: int = 0


def export_lines(database: Database) -> Iterator[str]:
    """Every explanation as a line of JSON (without its line break), oldest first."""
    return (entry.line for entry in export_entries(database))


def export_entries(database: Database) -> Iterator[Entry]:
    """Every explanation with its call and the call's sampling, oldest first."""
    last = 0
    while True:
        with database.read() as connection:
            query = (
                select(
                    explanations,
                    calls.c.body.label("call"),
                    jobs.c.inclusion_probability,
                )
                .join(calls, calls.c.id == explanations.c.call_id)
                .outerjoin(
                    jobs,
                    (jobs.c.call_id == explanations.c.call_id)
                    & (jobs.c.settings_hash == explanations.c.settings_hash),
                )
                .where(explanations.c.id > last)
                .order_by(explanations.c.id)
                .limit(BATCH)
            )
            rows = connection.execute(query).all()
            lines = [_line(connection, row) for row in rows]
        if not rows:
            return
        last = rows[-1].id
        yield from lines


def import_lines(database: Database, lines: Iterable[bytes]) -> Imported:
    """Import lines of `export_lines`; an explanation that is there already stays as it is, and a
    new one is delivered to the trackers only if its trace is in this store, too. Raises
    ImportFailed if a line is broken, or of another schema version. Earlier lines may be imported
    already; to import them again changes nothing."""
    total = Imported()
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while batch := [_read(number, line) for number, line in islice(numbered, BATCH)]:
        of_calls = [line for line in batch if line is not None]
        with database.write() as connection:
            gone = forgotten_among(connection, {line.call.trace_id for line in of_calls})
            welcome = [line for line in of_calls if line.call.trace_id not in gone]
            new = sum(_put(connection, line) for line in welcome)
        total = Imported(
            new=total.new + new,
            known=total.known + len(welcome) - new,
            forgotten=total.forgotten + len(of_calls) - len(welcome),
            without_call=total.without_call + len(batch) - len(of_calls),
        )
    return total


class _Line(NamedTuple):
    """An entry that belongs into a store."""

    call: Call
    explanation: Explanation
    settings_hash: str
    attempt: int
    inclusion_probability: float | None
    explained_at: float

    @classmethod
    def of(cls, entry: Entry) -> "_Line | None":
        if entry.call is None or entry.explanation is None or entry.explained_at is None:
            return None
        return cls(
            entry.call.without_function(),  # a file of anybody's
            entry.explanation,
            entry.settings_hash or entry.explanation.settings.hash,
            entry.attempt or 1,
            entry.inclusion_probability,
            entry.explained_at,
        )


def _line(connection: Connection, row: Any) -> Entry:
    return Entry.of(
        read_explanation(connection, row),
        call=Call.model_validate_json(row.call),
        settings_hash=row.settings_hash,
        attempt=row.attempt,
        inclusion_probability=row.inclusion_probability,
        explained_at=row.created_at,
    )


def _read(number: int, line: bytes) -> _Line | None:
    try:
        read = Entry.read(line)
        found = _Line.of(read)
        if found is not None:
            _check_importable(found)
            Entry.model_validate_json(read.line)
        return found
    except (EntryUnreadable, ValueError, TypeError, LookupError, RecursionError) as error:
        said = str(error)[:300] or type(error).__name__
        raise ImportFailed(f"line {number} is no explanation ({said}).") from None


def _check_importable(line: _Line) -> None:
    """Raise ValueError if the line could not be stored, or not be exported again."""
    call = line.call
    if not (_TRACE_ID.fullmatch(call.trace_id) and _SPAN_ID.fullmatch(call.span_id)):
        raise ValueError("the call's ids are not 32 and 16 hex digits")
    integers = [call.start_ns, call.end_ns]
    for row in line.explanation.perturbations:
        integers += [row.replicate, row.level, row.round, *row.fixed]
    if not all(0 <= number < 2**63 for number in integers):
        raise ValueError("a time or a count is out of range")


def _put(connection: Connection, line: _Line) -> bool:
    call, settings, now = line.call, line.explanation.settings, time.time()
    pack = packing(connection)
    connection.execute(
        insert(calls)
        .values(
            id=call.id,
            trace_id=call.trace_id,
            **Group.of(call).values,
            start_ns=call.start_ns,
            decided=True,
            **pack("body", call.model_dump_json()),
        )
        .on_conflict_do_nothing()
    )
    if not put_explanation(
        connection,
        line.explanation,
        call_id=call.id,
        trace_id=call.trace_id,
        settings_hash=line.settings_hash,
        attempt=line.attempt,
        now=line.explained_at,
    ):
        return False
    connection.execute(update(calls).where(calls.c.id == call.id).values(decided=True))
    statement = insert(jobs).values(
        call_id=call.id,
        settings_hash=line.settings_hash,
        **pack("settings", settings.model_dump_json()),
        model=settings.model,
        state="explained",
        attempt=line.attempt,
        inclusion_probability=line.inclusion_probability,
        created_at=now,
        changed_at=now,
    )
    connection.execute(  # what would be paid for once more is explained now
        statement.on_conflict_do_update(
            index_elements=["call_id", "settings_hash"],
            set_={"state": "explained", "changed_at": now, **NO_REASON},
            where=jobs.c.state.in_(["pending", "failed"]) & (jobs.c.attempt <= line.attempt),
        )
    )
    return True
