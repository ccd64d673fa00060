"""From the spool to the store, whatever stands in the spool."""

import fcntl
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from smile_trace import semconv
from smile_trace.settings import Settings
from smile_trace.store import Store, traces
from smile_trace.store.tables import resources, spans
from smile_trace.worker.ingest import Ingest, Ingested
from tests.support.otlp_json import spans_to_otlp
from tests.support.spooled import call_span, context_span, line, span_id, trace_id, write_spool


class Clock:
    """A clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ingest(store: Store, settings: Settings, clock: Clock) -> Ingest:
    return Ingest(store, settings, clock)


@contextmanager
def alive(path: Path) -> Iterator[None]:
    """A process that writes the file lives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def count(store: Store, table: str) -> int:
    with store.database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_a_dead_process_file_is_read_completed_and_removed(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    assert ingest.run() == Ingested(), "an empty home is no fault"
    (settings.spool / "folder.jsonl").mkdir(parents=True)
    write_spool(settings.spool, [call_span(1, parent=span_id(9)), context_span(1)])
    assert ingest.run() == Ingested(spans=2, traces=1)
    assert [one.name for one in settings.spool.iterdir()] == ["folder.jsonl"], "left alone"
    assert store.traces.files() == {}
    assert store.status().captured == 1
    assert ingest.run() == Ingested()


def test_a_living_process_file_is_read_on_from_where_it_was(
    ingest: Ingest, settings: Settings
) -> None:
    path, whole = settings.spool / "a.jsonl", line(call_span(2))
    with alive(path), path.open("ab", buffering=0) as stream:
        stream.write(line(call_span(1)) + whole[:50])
        assert ingest.run() == Ingested(spans=1, traces=1)
        assert ingest.run() == Ingested(), "half a line waits for its other half"
        stream.write(whole[50:])
        assert ingest.run() == Ingested(spans=1, traces=1)
        assert path.exists()
    ingest.run()
    assert not path.exists()


def test_half_a_line_of_a_dead_process_is_kept_aside(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    settings.spool.mkdir(parents=True)
    path = settings.spool / "a.jsonl"
    path.write_bytes(line(call_span(1)) + line(call_span(2))[:70])
    assert ingest.run() == Ingested(spans=1, corrupt=1, traces=1)
    with store.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT line, offset FROM corrupt_lines").one()
    assert tuple(kept) == (line(call_span(2))[:70], len(line(call_span(1))))
    assert not path.exists()


JUNK = (
    b"{",
    b"\x00\xff\xfe binary \x80",
    b"[1, 2]",
    b'"text"',
    b'{"resourceSpans": 7}',
    b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}',
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
)


def test_a_corrupt_line_is_kept_and_harms_no_other(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    settings.spool.mkdir(parents=True)
    among = [part for n, junk in enumerate(JUNK, 1) for part in (line(call_span(n)), junk, b"\n\n")]
    (settings.spool / "a.jsonl").write_bytes(b"".join(among))
    done = ingest.run()
    assert (done.spans, done.corrupt, done.traces) == (len(JUNK),) * 3
    assert store.status().corrupt_lines == len(JUNK)


def test_a_file_that_was_cut_short_or_replaced_is_read_again(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    path = settings.spool / "a.jsonl"
    with alive(path):
        write_spool(settings.spool, [call_span(1), call_span(2)], "a.jsonl")
        ingest.run()
        path.write_bytes(line(call_span(3)))
        assert ingest.run().spans == 1
    path.unlink()
    write_spool(settings.spool, [call_span(3), call_span(4)], "a.jsonl")
    ingest.run()
    assert count(store, "spans") == 4
    assert store.status().captured == 4


def test_an_open_trace_ends_when_its_process_is_gone_or_silent(
    ingest: Ingest, store: Store, settings: Settings, clock: Clock
) -> None:
    with alive(settings.spool / "a.jsonl"):
        write_spool(settings.spool, [call_span(1, parent=span_id(9))], "a.jsonl")
        write_spool(settings.spool, [call_span(2, parent=span_id(9))], "b.jsonl")
        assert ingest.run().traces == 1
        assert store.trace(trace_id(2)).root_missing
        assert store.status().open_traces == 1
        clock.now -= 86400
        assert ingest.run().traces == 0, "a clock that jumps back completes nothing"
        clock.now += 86400 + settings.worker.trace_silence_seconds + 1
        assert ingest.run().traces == 1
        write_spool(settings.spool, [context_span(1)], "a.jsonl")
        ingest.run()
        assert not store.trace(trace_id(1)).root_missing


def test_feedback_lines_reach_their_trace(ingest: Ingest, store: Store, settings: Settings) -> None:
    note = context_span(50).model_copy(
        update={
            "attributes": {
                semconv.KIND: "feedback",
                semconv.FEEDBACK_TRACE: trace_id(1),
                semconv.FEEDBACK_SCORE: 1.0,
                semconv.FEEDBACK_COMMENT: "<b>good</b>",
            }
        }
    )
    write_spool(settings.spool, [call_span(1), note])
    assert ingest.run() == Ingested(spans=1, feedback=1, traces=1)
    [feedback] = store.trace(trace_id(1)).feedback
    assert (feedback.score, feedback.comment) == (1.0, "<b>good</b>")


def test_spans_in_any_order_over_many_files_make_the_same_traces(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    draw = random.Random(1)
    spans = [
        span
        for number in range(1, 40)
        for span in (
            context_span(number),
            call_span(number, parent=span_id(9), span=1),
            call_span(number, parent=span_id(9), span=2),
        )
    ]
    draw.shuffle(spans)
    for start in range(0, len(spans), 30):
        write_spool(settings.spool, spans[start : start + 30], f"{start}.jsonl")
        ingest.run()
    status = store.status()
    assert (status.captured, status.open_traces) == (78, 0)
    assert not any(store.trace(trace_id(n)).root_missing for n in range(1, 40))


def test_what_was_just_stored_is_not_read_from_the_store(
    ingest: Ingest, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "word " * 20_000
    write_spool(settings.spool, (call_span(n, prompt=long) for n in range(1, 151)))
    monkeypatch.setattr(traces, "_span", None)  # reads one from there
    assert ingest.run() == Ingested(spans=150, traces=150)
    assert count(store, "calls") == 150


def test_a_line_beyond_all_bounds_is_kept_aside_in_pieces(
    ingest: Ingest, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("worker.ingest", "sources.files"):
        monkeypatch.setattr(f"smile_trace.{module}.BATCH_BYTES", 1000)
    monkeypatch.setattr("smile_trace.sources.files.MAX_LINE_BYTES", 5000)
    settings.spool.mkdir(parents=True)
    endless, long = b"x" * 20_000, "long " * 800  # the one longer than a line, the other a batch
    good = line(call_span(1, prompt=long))
    (settings.spool / "a.jsonl").write_bytes(good + endless + b"\n" + line(call_span(2)))
    done = ingest.run()
    assert done.spans == 2
    assert store.trace(trace_id(1)).calls[0].messages[0].content == long
    with store.database.read() as connection:
        pieces = connection.exec_driver_sql("SELECT line FROM corrupt_lines ORDER BY offset")
        assert b"".join(row[0] for row in pieces) == endless


def test_secrets_of_other_programs_spans_are_not_stored(
    ingest: Ingest, store: Store, settings: Settings
) -> None:
    """As a Collector's file exporter writes them, in a file laid into the spool's folder."""
    secret = "sk-" + "a1" * 20

    def text(key: str, value: str) -> dict[str, object]:
        return {"key": key, "value": {"stringValue": value}}

    document = spans_to_otlp([call_span(1, prompt=f"use {secret}")])
    block = document["resourceSpans"][0]
    block["resource"]["attributes"].append(text("process.command_line", f"serve --key {secret}"))
    block["scopeSpans"][0]["scope"] = {"name": "another"}
    [span] = block["scopeSpans"][0]["spans"]
    span["attributes"] += [
        text(f"header {secret}", "yes"),
        text("gen_ai.tool.call.arguments", json.dumps({"key": secret})),
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": secret}]}}},
    ]
    span |= {
        "name": f"GET /?key={secret}",
        "events": [{"timeUnixNano": "1", "name": "x", "attributes": [text("said", secret)]}],
        "status": {"message": f"refused {secret}", "code": 2},
    }
    settings.spool.mkdir(parents=True)
    (settings.spool / "collector.jsonl").write_text(json.dumps(document) + "\n")
    assert ingest.run().spans == 1
    with store.database.read() as connection:
        rows = [*connection.execute(select(spans)), *connection.execute(select(resources))]
    kept = "".join(str(value) for row in rows for value in row)
    assert secret not in kept
    assert kept.count("[redacted") == 8
