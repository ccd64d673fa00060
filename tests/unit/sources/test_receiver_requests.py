"""OTLP requests, in protobuf and JSON, become lines that say the same."""

import gzip
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.sources.receiver import json_requests, protobuf
from smile_trace.sources.receiver.bodies import CannotUnpack, unpack
from smile_trace.sources.receiver.lines import Received
from tests.support.otlp_requests import recorded_requests, spans_of, to_protobuf

pytestmark = pytest.mark.thorough

READERS = pytest.mark.parametrize(
    "read",
    [lambda text: protobuf.read_traces(to_protobuf(json.loads(text))), json_requests.read_traces],
    ids=["protobuf", "json"],
)


def lines(received: Received) -> list[bytes]:
    return received.text.splitlines()


@READERS
def test_recorded_requests_are_kept_as_they_are(read: Any) -> None:
    assert len(recorded_requests()) > 20
    for text in recorded_requests():
        received = read(text)
        assert received.rejected == 0
        assert spans_of(lines(received)) == spans_from_line(text)


def whole_request() -> ExportTraceServiceRequest:
    """Every field of a span set."""
    request = ExportTraceServiceRequest()
    block = request.resource_spans.add(schema_url="https://example.org/r")
    block.resource.dropped_attributes_count = 3
    values = [
        AnyValue(string_value='"\\\u2028é😀\x00'),
        AnyValue(bool_value=False),
        AnyValue(int_value=-(2**63)),
        AnyValue(double_value=1e300),
        AnyValue(double_value=float("nan")),
        AnyValue(double_value=float("-inf")),
        AnyValue(bytes_value=b"\x00\xff"),
        AnyValue(),
    ]
    values.append(AnyValue(array_value=ArrayValue(values=values)))
    # A text beside all the small values: of those alone a request would be too long as JSON.
    pairs = [KeyValue(key="text", value=AnyValue(string_value="x" * 1000))]
    pairs += [KeyValue(key=f"k{n}", value=v) for n, v in enumerate(values) if v != AnyValue()]
    pairs.append(KeyValue(key="all", value=AnyValue(kvlist_value=KeyValueList(values=pairs))))
    block.resource.attributes.extend(pairs)
    group = block.scope_spans.add(schema_url="https://example.org/s")
    group.scope.name, group.scope.version = "scope", "1"
    group.scope.attributes.extend(pairs[:2])
    span = group.spans.add(
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        parent_span_id=bytes(range(1, 9)),
        trace_state="a=b",
        flags=257,
        name="näme",
        kind="SPAN_KIND_CLIENT",
        start_time_unix_nano=1,
        end_time_unix_nano=2**62,
        attributes=pairs,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
    )
    span.events.add(time_unix_nano=5, name="e", attributes=pairs, dropped_attributes_count=4)
    span.links.add(trace_id=bytes(range(1, 17)), span_id=bytes(range(1, 9)), flags=1)
    span.status.code, span.status.message = 2, "no"
    return request


def test_every_field_is_written_as_protobufs_own_json_has_it() -> None:
    request = whole_request()
    [line] = lines(protobuf.read_traces(request.SerializeToString()))
    written = json.loads(line)
    # The only difference: ids are hex digits, where protobuf's own JSON has base64.
    again = ExportTraceServiceRequest.FromString(to_protobuf(written))
    assert MessageToDict(again) == MessageToDict(request)
    spans_from_line(line)


def test_a_log_record_is_kept_whole_where_it_belongs_to_a_trace() -> None:
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add()
    group = block.scope_logs.add()
    group.scope.name = "logs"
    group.log_records.add(body=AnyValue(string_value="of no trace"))
    kept = group.log_records.add(
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        time_unix_nano=1,
        observed_time_unix_nano=2,
        severity_number=9,
        severity_text="INFO",
        event_name="gen_ai.choice",
        flags=1,
        attributes=[KeyValue(key="a", value=AnyValue(int_value=1))],
    )
    kept.body.kvlist_value.values.add(key="content").value.string_value = "yes"
    received = protobuf.read_logs(request.SerializeToString())
    assert received.rejected == 0
    [line] = lines(received)
    del group.log_records[0]
    again = ExportLogsServiceRequest.FromString(to_protobuf(json.loads(line)))
    assert again == request
    [same] = lines(json_requests.read_logs(line))
    assert json.loads(same) == json.loads(line)


def test_log_records_in_json_without_a_trace_are_left_out() -> None:
    records = [{"body": {}, "traceId": ""}, {"traceId": "0" * 32}]
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    received = json_requests.read_logs(json.dumps(document).encode())
    assert (received.text, received.rejected) == (b"", 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b"short"}, "its trace id is not 16 bytes"),
        ({"trace_id": bytes(16)}, "or is zero"),
        ({"span_id": bytes(8)}, "its id is not 8 bytes"),
        ({"parent_span_id": b"1"}, "its parent's id is not 8 bytes"),
        ({"end_time_unix_nano": 2**63}, "out of range"),
    ],
)
def test_a_span_that_cannot_be_stored_is_counted_and_the_others_are_kept(
    changes: dict[str, Any], reason: str
) -> None:
    request = whole_request()
    spans = request.resource_spans[0].scope_spans[0].spans
    spans.add().CopyFrom(spans[0])
    for name, value in changes.items():
        setattr(spans[0], name, value)
    received = protobuf.read_traces(request.SerializeToString())
    assert received.rejected == 1
    assert reason in received.reason
    assert len(spans_of(lines(received))) == 1


def with_resource(size: int, scopes: int) -> dict[str, Any]:
    attribute = {"key": "k", "value": {"stringValue": "x" * size}}
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "s"}
    groups = [{"scope": {"name": "n"}, "spans": [span]} for _ in range(scopes)]
    return {"resourceSpans": [{"resource": {"attributes": [attribute]}, "scopeSpans": groups}]}


@READERS
def test_a_large_resource_does_not_multiply_a_request(read: Any) -> None:
    text = json.dumps(with_resource(60_000, 5_000)).encode()
    received = read(text)
    assert received.rejected == 0
    assert len(received.text) < 2 * len(text)
    spans = spans_of(lines(received))
    assert len(spans) == 5_000
    assert {len(str(span.resource["k"])) for span in spans} == {60_000}
    assert max(map(len, lines(received))) < 2 * 2**18


@READERS
@pytest.mark.parametrize(
    ("name", "value"),
    [("resource", {"attributes": [{"key": "x" * 2**16}]}), ("schemaUrl", "x" * 2**16)],
)
def test_what_stands_around_spans_is_bounded_and_the_others_are_kept(
    read: Any, name: str, value: Any
) -> None:
    document = with_resource(10, 3)
    document["resourceSpans"][0][name] = value
    document["resourceSpans"] += with_resource(10, 2)["resourceSpans"]
    received = read(json.dumps(document).encode())
    assert received.rejected == 3
    assert received.reason.startswith("a resource")
    assert "longer than 65,536 bytes" in received.reason
    assert len(spans_of(lines(received))) == 2


@READERS
def test_the_name_of_a_scope_is_bounded(read: Any) -> None:
    document = with_resource(10, 2)
    document["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"] = "n" * 257
    received = read(json.dumps(document).encode())
    assert received.rejected == 1
    assert received.reason == "the name of a scope is longer than 256 characters"


@READERS
def test_a_request_of_which_hardly_anything_can_be_kept_is_refused(read: Any) -> None:
    document = with_resource(2**16, 10_001)
    with pytest.raises(ForeignDataError, match="more than 10,000 spans or logs cannot be kept"):
        read(json.dumps(document).encode())


def in_protobuf(span: bytes, count: int) -> Received:
    request = ExportTraceServiceRequest()
    ids = {"trace_id": b"1" * 16, "span_id": b"2" * 8}
    request.resource_spans.add().scope_spans.add().spans.add(**ids).MergeFromString(span)
    return protobuf.read_traces(request.SerializeToString() * count)


def in_json(span: bytes, count: int) -> Received:
    block = b'{"traceId":"%032d","spanId":"%016d",%s}' % (1, 2, span)
    block = b'{"scopeSpans":[{"spans":[%s]}]}' % block
    return json_requests.read_traces(b'{"resourceSpans":[%s]}' % b",".join([block] * count))


@pytest.mark.parametrize(
    ("read", "span"),
    [
        (in_protobuf, b"\x5a\x00" * 150_000),  # empty events
        (in_protobuf, b"\xf8\x07\x01" * 600_000),  # numbers of an unknown field
        (in_json, b'"events":[%s]' % b",".join([b"{}"] * 90_000)),
    ],
    ids=["protobuf", "unknown fields", "json"],
)
def test_the_values_of_a_request_are_bounded_over_all_its_spans(read: Any, span: bytes) -> None:
    """One of 32 MB, which is 30 kB with gzip, kept the receiver busy for 20 seconds."""
    assert read(span, 1).rejected == 0
    with pytest.raises(ForeignDataError, match=r"more than [0-9,]+ (values|lists and objects)"):
        read(span, 15)


def test_a_json_request_may_have_its_resource_and_scope_last() -> None:
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "s" * 2**15}
    group = {"spans": [span, span], "scope": {"name": "late"}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    document = {"x": [{}], "resourceSpans": [{"scopeSpans": [group], "resource": resource}]}
    spans = spans_of(lines(json_requests.read_traces(json.dumps(document, indent=1).encode())))
    assert [(span.scope, span.resource) for span in spans] == [
        ("late", {"service.name": "shop"})
    ] * 2


def test_a_body_of_very_many_members_is_not_unpacked() -> None:
    nothing = gzip.compress(b"")
    assert unpack(nothing * 999 + gzip.compress(b"end"), "gzip", 100) == b"end"
    # The rest was copied for each of them: of 20 MB that took an hour.
    with pytest.raises(CannotUnpack):
        unpack(nothing * 10**6, "gzip", 100)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": [[]]}]}',
        b'{"resourceSpans": [{"resource": 1, "scopeSpans": [{"spans": []}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": {"a": 1}}]}]}',
        b'{"resourceSpans": [{"x": "' + b'\\"' * 100_000,
        b'{"resourceSpans": []} {}',
        b'{"resourceSpans": [,]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_request_in_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ForeignDataError):
        json_requests.read_traces(body)


def test_what_is_no_request_in_protobuf_is_said_to_be_none() -> None:
    with pytest.raises(ForeignDataError, match="no OTLP request"):
        protobuf.read_traces(b"\x0a\xff")


def test_old_names_and_unknown_fields_are_read() -> None:
    span = {"trace_id": "1" * 32, "span_id": "2" * 16, "name": "s", "new": [1]}
    document = {"resource_spans": [{"scope_spans": [{"spans": [span]}], "schemaUrl": "u"}]}
    received = json_requests.read_traces(json.dumps(document).encode())
    [line] = lines(received)
    assert json.loads(line)["resourceSpans"][0]["schemaUrl"] == "u"
    [read] = spans_from_line(line)
    assert read.name == "s"
