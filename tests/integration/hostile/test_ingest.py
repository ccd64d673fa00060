"""The worker goes on with the next item, whatever stands in the spool."""

import json

import pytest
from sqlalchemy import select, update

from smile_trace import semconv
from smile_trace.records import JSON
from smile_trace.records.formats.otlp import LineReader
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.exchange import export_lines
from smile_trace.store.tables import calls
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.plan import plan
from smile_trace.worker.sample import sample
from tests.support.hostile import recorded_lines, values
from tests.support.otlp_json import spans_to_otlp
from tests.support.spooled import call_span, line, span_id, trace_id
from tests.support.stores import settings as settings
from tests.support.stores import store as store


def spool(settings: Settings, *lines: bytes) -> None:
    settings.spool.mkdir(parents=True, exist_ok=True)
    (settings.spool / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def passes(store: Store, settings: Settings) -> None:
    """Two passes of the worker over what it reads."""
    for _ in range(2):
        Ingest(store, settings).run()
        sample(store, settings)
    assert store.sampling.undecided() == []


def with_attribute(number: int, key: str, value: JSON) -> bytes:
    document = spans_to_otlp([call_span(number)])
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"] = [a for a in span["attributes"] if a["key"] != key]
    span["attributes"].append({"key": key, "value": value})
    return json.dumps(document).encode()


def test_a_call_that_cannot_be_read_again_is_set_aside(store: Store, settings: Settings) -> None:
    spool(settings, line(call_span(1)), line(call_span(2)))
    Ingest(store, settings).run()
    deep = '{"a":' + "[" * 220 + "]" * 220 + "}"
    with store.database.write() as connection:
        of_it = calls.c.trace_id == trace_id(1)
        body = connection.execute(select(calls.c.body).where(of_it)).scalar_one()
        body = body.replace('"metadata":{}', f'"metadata":{deep}')
        assert deep in body
        connection.execute(update(calls).where(of_it).values(body=body, packed=None))
    plan(settings)
    passes(store, settings)
    assert store.status().unreadable_traces == 1
    assert store.traces.find_calls(trace_id(1)) == []
    assert store.traces.find_calls(trace_id(2)) != []


@pytest.mark.slow
def test_the_whole_corpus_among_good_lines(store: Store, settings: Settings) -> None:
    lines: list[bytes] = []
    for number, value in enumerate(values().values(), start=1):
        text = value.decode("utf-8", "replace")
        lines += [
            value.replace(b"\n", b" "),
            with_attribute(10_000 + number, "x", {"stringValue": text}),
            with_attribute(20_000 + number, semconv.METADATA, {"stringValue": text}),
            with_attribute(30_000 + number, semconv.INPUT_MESSAGES, {"stringValue": text}),
            line(call_span(number)),
        ]
    spool(settings, *lines, *recorded_lines())
    passes(store, settings)
    assert not (settings.spool / "a.jsonl").exists()
    for number in range(1, len(values()) + 1):
        assert store.traces.find_calls(f"{trace_id(number)}:{span_id(1)}") != []
    assert store.status().unreadable_traces == 0
    assert list(export_lines(store.database)) == []


def test_an_error_that_nobody_expected_costs_one_line(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = LineReader.read

    def broken(reader: LineReader, text: bytes) -> object:
        if b"attack" in text:
            raise ZeroDivisionError("nobody thought of this")
        return read(reader, text)

    monkeypatch.setattr(LineReader, "read", broken)
    spool(settings, line(call_span(1, prompt="attack")), line(call_span(2)))
    passes(store, settings)
    assert store.status().corrupt_lines == 1
    assert store.traces.find_calls(trace_id(2)) != []
