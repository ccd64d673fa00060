"""OTLP requests in protobuf as lines of OTLP/JSON.

The text is built directly: protobuf's own JSON takes several times as long, and writes ids as
base64 where OTLP has hex digits. Zero and empty values are left out, as in protobuf.
"""

import base64
import math
from collections.abc import Callable, Iterable
from functools import cached_property
from json.encoder import encode_basestring as quote
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records.formats.otlp import check_scope_name
from smile_trace.sources.receiver import wire
from smile_trace.sources.receiver.lines import (
    LOGS,
    MAX_ITEM_BYTES,
    SPANS,
    Received,
    check_frame,
)

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)
MAX_TIME = 2**63

M = TypeVar("M", bound=Message)


def read_traces(body: bytes) -> Received:
    """Read the spans of an `ExportTraceServiceRequest`; `ForeignDataError` if the body is none."""

    def write(item: bytes) -> str:
        span = _decoded(Span(), item)
        if reason := _wrong_span(span):
            raise _Wrong(reason)
        return _span(span)

    return _read(body, Received(SPANS, len(body)), wire.SPAN, write)


def read_logs(body: bytes) -> Received:
    """Read the log records of an `ExportLogsServiceRequest`; `ForeignDataError` if the body is
    none. Records without a trace are left out: no call can be read from them."""

    def write(item: bytes) -> str:
        record = _decoded(LogRecord(), item)
        if reason := _wrong_log_record(record):
            raise _Wrong(reason)
        return _log_record(record) if any(record.trace_id) else ""

    return _read(body, Received(LOGS, len(body)), wire.LOG_RECORD, write)


class _Wrong(ForeignDataError):
    """One item is not kept, the others are; the message says why."""


def _read(
    body: bytes, received: Received, shape: wire.Shape, write: Callable[[bytes], str]
) -> Received:
    messages = wire.Messages(body)
    for block in messages.repeated(messages.whole(), 1):
        of_block = _Frame(messages, block, _resource)
        for group in messages.repeated(block, 2):
            of_group = _Frame(messages, group, _scope)
            for place in messages.repeated(group, 2):
                try:
                    if text := write(_bounded(messages.bytes_at(place), shape)):
                        received.add(of_block.text(), of_group.text(), text)
                except _Wrong as wrong:
                    received.reject(str(wrong))
    return received


def _bounded(item: bytes, shape: wire.Shape) -> bytes:
    if len(item) > MAX_ITEM_BYTES:
        raise _Wrong(f"longer than {MAX_ITEM_BYTES:,} bytes")
    try:
        wire.check_count(item, shape)
    except wire.TooMany as error:
        raise _Wrong(str(error)) from None
    return item


class _Frame:
    """The fields of a resource's or scope's object, read only when an item needs them."""

    def __init__(
        self, messages: wire.Messages, place: wire.Place, write: Callable[[bytes], str]
    ) -> None:
        self._messages = messages
        self._place = place
        self._write = write

    def text(self) -> str:
        """Return the fields without braces; raise `_Wrong` if they are too long."""
        text, reason = self._read
        if reason:
            raise _Wrong(reason)
        return text

    @cached_property
    def _read(self) -> tuple[str, str]:
        """The text, or why there is none."""
        holder, schema_url = b"", b""
        for number, place in self._messages.fields(self._place):
            if number == 1:  # what is there twice is one message in two pieces
                holder += self._messages.bytes_at(place)
            elif number == 3:
                schema_url = self._messages.bytes_at(place)
            if reason := check_frame(holder + schema_url):
                return "", reason
        try:
            fields = [self._write(holder)] if holder else []
        except _Wrong as wrong:
            return "", str(wrong)
        if schema_url:
            fields.append(f'"schemaUrl":{quote(schema_url.decode(errors="replace"))}')
        text = ",".join(fields)
        return text, check_frame(text.encode())


def _decoded(message: M, data: bytes) -> M:
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise wire.no_request() from None
    return message


def _resource(data: bytes) -> str:
    resource = _decoded(Resource(), data)
    fields = [f'"attributes":[{_attributes(resource.attributes)}]']
    if resource.dropped_attributes_count:
        fields.append(f'"droppedAttributesCount":{resource.dropped_attributes_count}')
    return f'"resource":{{{",".join(fields)}}}'


def _scope(data: bytes) -> str:
    scope = _decoded(InstrumentationScope(), data)
    if reason := check_scope_name(scope.name):
        raise _Wrong(reason)
    fields = [f'"name":{quote(scope.name)}'] if scope.name else []
    if scope.version:
        fields.append(f'"version":{quote(scope.version)}')
    if scope.attributes:
        fields.append(f'"attributes":[{_attributes(scope.attributes)}]')
    return f'"scope":{{{",".join(fields)}}}'


def _is_id(value: bytes, none: bytes) -> bool:
    return len(value) == len(none) and value != none


def _wrong_span(span: Span) -> str:
    """Say why the store could not keep a span; empty if it can."""
    if not _is_id(span.trace_id, NO_TRACE):
        return "its trace id is not 16 bytes, or is zero"
    if not _is_id(span.span_id, NO_SPAN):
        return "its id is not 8 bytes, or is zero"
    if len(span.parent_span_id) not in (0, len(NO_SPAN)):
        return "its parent's id is not 8 bytes"
    times = [span.start_time_unix_nano, span.end_time_unix_nano]
    times += [event.time_unix_nano for event in span.events]
    if max(times) >= MAX_TIME:
        return "a time of it is out of range"
    return ""


def _wrong_log_record(record: LogRecord) -> str:
    """Say why the store could not keep a log record; empty if it can."""
    if len(record.trace_id) not in (0, 16):
        return "its trace id is not 16 bytes"
    if len(record.span_id) not in (0, 8):
        return "its span's id is not 8 bytes"
    if max(record.time_unix_nano, record.observed_time_unix_nano) >= MAX_TIME:
        return "a time of it is out of range"
    return ""


def _span(span: Span) -> str:
    fields = [f'"traceId":"{span.trace_id.hex()}","spanId":"{span.span_id.hex()}"']
    if span.trace_state:
        fields.append(f'"traceState":{quote(span.trace_state)}')
    if span.parent_span_id:
        fields.append(f'"parentSpanId":"{span.parent_span_id.hex()}"')
    if span.flags:
        fields.append(f'"flags":{span.flags}')
    if span.name:
        fields.append(f'"name":{quote(span.name)}')
    if span.kind:
        fields.append(f'"kind":{span.kind}')
    if span.start_time_unix_nano:
        fields.append(f'"startTimeUnixNano":"{span.start_time_unix_nano}"')
    if span.end_time_unix_nano:
        fields.append(f'"endTimeUnixNano":"{span.end_time_unix_nano}"')
    if span.attributes:
        fields.append(f'"attributes":[{_attributes(span.attributes)}]')
    if span.dropped_attributes_count:
        fields.append(f'"droppedAttributesCount":{span.dropped_attributes_count}')
    if span.events:
        fields.append(f'"events":[{",".join(map(_event, span.events))}]')
    if span.dropped_events_count:
        fields.append(f'"droppedEventsCount":{span.dropped_events_count}')
    if span.links:
        fields.append(f'"links":[{",".join(map(_link, span.links))}]')
    if span.dropped_links_count:
        fields.append(f'"droppedLinksCount":{span.dropped_links_count}')
    status = [f'"message":{quote(span.status.message)}'] if span.status.message else []
    if span.status.code:
        status.append(f'"code":{span.status.code}')
    if status:
        fields.append(f'"status":{{{",".join(status)}}}')
    return f"{{{','.join(fields)}}}"


def _event(event: Span.Event) -> str:
    fields = [f'"timeUnixNano":"{event.time_unix_nano}"'] if event.time_unix_nano else []
    if event.name:
        fields.append(f'"name":{quote(event.name)}')
    if event.attributes:
        fields.append(f'"attributes":[{_attributes(event.attributes)}]')
    if event.dropped_attributes_count:
        fields.append(f'"droppedAttributesCount":{event.dropped_attributes_count}')
    return f"{{{','.join(fields)}}}"


def _link(link: Span.Link) -> str:
    ids = (("traceId", link.trace_id), ("spanId", link.span_id))
    fields = [f'"{name}":"{value.hex()}"' for name, value in ids if value]
    if link.attributes:
        fields.append(f'"attributes":[{_attributes(link.attributes)}]')
    if link.flags:
        fields.append(f'"flags":{link.flags}')
    return f"{{{','.join(fields)}}}"


def _log_record(record: LogRecord) -> str:
    fields = [f'"traceId":"{record.trace_id.hex()}"']
    if record.time_unix_nano:
        fields.append(f'"timeUnixNano":"{record.time_unix_nano}"')
    if record.observed_time_unix_nano:
        fields.append(f'"observedTimeUnixNano":"{record.observed_time_unix_nano}"')
    if record.severity_number:
        fields.append(f'"severityNumber":{record.severity_number}')
    if record.severity_text:
        fields.append(f'"severityText":{quote(record.severity_text)}')
    if record.event_name:
        fields.append(f'"eventName":{quote(record.event_name)}')
    if record.HasField("body"):
        fields.append(f'"body":{_value(record.body)}')
    if record.attributes:
        fields.append(f'"attributes":[{_attributes(record.attributes)}]')
    if record.flags:
        fields.append(f'"flags":{record.flags}')
    if any(record.span_id):
        fields.append(f'"spanId":"{record.span_id.hex()}"')
    return f"{{{','.join(fields)}}}"


def _attributes(pairs: Iterable[KeyValue]) -> str:
    """Write the attributes with a name; a missing value stays missing."""
    texts = []
    for one in pairs:
        if not (key := one.key):
            continue
        if text := one.value.string_value:  # most of them are texts
            texts.append(f'{{"key":{quote(key)},"value":{{"stringValue":{quote(text)}}}}}')
        elif (value := _value(one.value)) != "{}":
            texts.append(f'{{"key":{quote(key)},"value":{value}}}')
        else:
            texts.append(f'{{"key":{quote(key)}}}')
    return ",".join(texts)


def _value(value: AnyValue) -> str:
    """Write one `AnyValue`; protobuf refuses messages nested deeper than 100 levels."""
    match value.WhichOneof("value"):
        case "string_value":
            return f'{{"stringValue":{quote(value.string_value)}}}'
        case "bool_value":
            return f'{{"boolValue":{"true" if value.bool_value else "false"}}}'
        case "int_value":
            return f'{{"intValue":"{value.int_value}"}}'
        case "double_value":
            return f'{{"doubleValue":{_double(value.double_value)}}}'
        case "array_value":
            values = ",".join(map(_value, value.array_value.values))
            return f'{{"arrayValue":{{"values":[{values}]}}}}'
        case "kvlist_value":
            return f'{{"kvlistValue":{{"values":[{_attributes(value.kvlist_value.values)}]}}}}'
        case "bytes_value":
            return f'{{"bytesValue":"{base64.b64encode(value.bytes_value).decode()}"}}'
    return "{}"


def _double(number: float) -> str:
    """ProtoJSON has words for numbers that JSON lacks."""
    if math.isfinite(number):
        return repr(number)
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
