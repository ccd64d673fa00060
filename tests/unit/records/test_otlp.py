"""OTLP/JSON lines in and out."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line
from tests.support.otlp_json import spans_to_otlp

# A span as the OpenTelemetry Collector's file exporter writes it: several resources and scopes in
# one line, numbers as JSON numbers or strings. The shape is that of `examples/trace.json` in
# open-telemetry/opentelemetry-proto, which the Collector's otlpjsonfile receiver reads, too.
COLLECTOR_LINE = """{"resourceSpans": [
  {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
   "scopeSpans": [{"scope": {"name": "my.library", "version": "1.0.0", "attributes": []},
    "spans": [{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
      "parentSpanId": "EEE19B7EC3C1B173", "name": "I'm a server span", "kind": 2,
      "startTimeUnixNano": 1544712660000000000, "endTimeUnixNano": "1544712661000000000",
      "attributes": [
        {"key": "text", "value": {"stringValue": "some value"}},
        {"key": "flag", "value": {"boolValue": false}},
        {"key": "count", "value": {"intValue": "7"}},
        {"key": "share", "value": {"doubleValue": 0.5}},
        {"key": "nothing", "value": {}},
        {"key": "raw", "value": {"bytesValue": "aGk="}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [
          {"key": "k", "value": {"intValue": 1}}]}}},
        {"key": "not a number", "value": {"doubleValue": "NaN"}},
        {"key": "endless", "value": {"doubleValue": "Infinity"}}],
      "events": [{"timeUnixNano": "5", "name": "e", "unknownField": 1}],
      "status": {"code": "STATUS_CODE_ERROR", "message": "bad"},
      "droppedAttributesCount": 2}]}]},
  {"resource": {}, "scopeSpans": [{"spans": []}]}]}"""


def test_the_collectors_format() -> None:
    [span] = spans_from_line(json.dumps(json.loads(COLLECTOR_LINE)).encode())
    assert span == Span(
        trace_id="5b8efff798038103d269b633813fc60c",
        span_id="eee19b7ec3c1b174",
        parent_id="eee19b7ec3c1b173",
        name="I'm a server span",
        start_ns=1544712660000000000,
        end_ns=1544712661000000000,
        attributes={
            "text": "some value", "flag": False, "count": 7, "share": 0.5, "nothing": None,
            "raw": "aGk=", "list": ["a"], "map": {"k": 1}, "not a number": None, "endless": None,
        },
        events=({"name": "e", "time_ns": 5, "attributes": {}},),
        status="error",
        status_message="bad",
        resource={"service.name": "shop"},
        scope="my.library",
    )  # fmt: skip


@pytest.mark.parametrize(
    "line", [b"", b"  \n", b"{}", b'{"resourceMetrics":[]}', b'{"resourceLogs":[]}']
)
def test_lines_without_spans(line: bytes) -> None:
    assert spans_from_line(line) == []


def with_span(**changes: Any) -> bytes:
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x", **changes}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"resourceSpans":[{"resou', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "a JSON list, not an object"),
        (b"[" * 100_000, "no JSON|nested too deeply"),
        (b'{"resourceSpans":7}', "resourceSpans is no list"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[3]}]}]}', "not OTLP/JSON"),
        (with_span(traceId="xyz"), "traceId is not 32 hex digits"),
        (with_span(traceId="0" * 32), "traceId is not 32 hex digits"),
        (with_span(spanId=7), "spanId is not 16 hex digits"),
        (with_span(startTimeUnixNano="soon"), "startTimeUnixNano is not an integer"),
        (with_span(endTimeUnixNano=-1), "endTimeUnixNano is out of range"),
        (with_span(endTimeUnixNano=2**63), "endTimeUnixNano is out of range"),
        (with_span(endTimeUnixNano=2**70), "an integer of more than 64 bits"),
        (with_span(attributes=[{"value": {}}]), "not OTLP/JSON"),
        (with_span(attributes=[{"key": "k", "value": 3}]), "not OTLP/JSON"),
        (with_span(attributes=[{"key": "k", "value": {"intValue": "x"}}]), "int"),
    ],
)
def test_a_corrupt_line_says_what_is_wrong(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spans_from_line(line)


@given(st.binary(max_size=200))
def test_any_bytes_are_spans_or_a_value_error(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        spans_from_line(line)


TEXTS = st.text(max_size=20)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


EVENTS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "time_ns": st.integers(0, 2**63 - 1),
        "attributes": st.dictionaries(TEXTS, JSON_VALUES, max_size=2),
    }
)
SPANS = st.builds(
    Span,
    trace_id=st.sampled_from(["a" * 32, "b" * 32]),
    span_id=st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}"),
    parent_id=st.none() | st.just("c" * 16),
    name=TEXTS,
    start_ns=st.integers(0, 2**63 - 1),
    end_ns=st.integers(0, 2**63 - 1),
    attributes=st.dictionaries(TEXTS, JSON_VALUES, max_size=3),
    events=st.lists(EVENTS.filter(lambda event: any(event.values())), max_size=2).map(tuple),
    status=st.sampled_from(["unset", "ok", "error"]),
    status_message=TEXTS,
    resource=st.sampled_from([{}, {"service.name": "a"}, {"service.name": "b", "n": 1}]),
    scope=st.sampled_from(["", "x"]),
)


def canonical(span: Span) -> str:
    """A key to sort by in which the order of an object's fields does not matter."""
    return json.dumps(span.model_dump(mode="json"), sort_keys=True)


@given(st.lists(SPANS, max_size=3))
def test_round_trip(spans: list[Span]) -> None:
    body = spans_to_otlp(spans)
    again = spans_from_line(json.dumps(body).encode())
    assert sorted(again, key=canonical) == sorted(spans, key=canonical)
    keys = [json.dumps(block["resource"], sort_keys=True) for block in body["resourceSpans"]]
    assert len(set(keys)) == len(keys)
