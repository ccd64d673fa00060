"""OTLP requests in protobuf as lines of OTLP/JSON.

The text is built directly: protobuf's own JSON takes several times as long, and writes ids as
base64 where OTLP has hex digits. Zero and empty values are left out, as in protobuf.
"""

import base64
import math
from collections.abc import Callable
from functools import cache, cached_property, partial
from json.encoder import encode_basestring as quote
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from smile_trace._guards.foreign import MAX_VALUES, ForeignDataError
from smile_trace.records.formats.otlp import check_scope_name
from smile_trace.sources.receiver import wire
from smile_trace.sources.receiver.lines import LOGS, MAX_ITEM_BYTES, SPANS, Received, check_frame

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)
MAX_TIME = 2**63

M = TypeVar("M", bound=Message)


def read_traces(body: bytes) -> Received:
    """Read the spans of an `ExportTraceServiceRequest`; `ForeignDataError` if the body is none."""

    def write(item: bytes, writer: _Writer) -> str:
        span = _decoded(Span(), item)
        if reason := _wrong_span(span):
            raise _Wrong(reason)
        return writer.object(span)

    return _read(body, Received(SPANS, len(body)), wire.SPAN, write)


def read_logs(body: bytes) -> Received:
    """Read the log records of an `ExportLogsServiceRequest`; `ForeignDataError` if the body is
    none. Records without a trace are left out: no call can be read from them."""

    def write(item: bytes, writer: _Writer) -> str:
        record = _decoded(LogRecord(), item)
        if reason := _wrong_log_record(record):
            raise _Wrong(reason)
        if not any(record.span_id):
            record.ClearField("span_id")
        return writer.object(record) if any(record.trace_id) else ""

    return _read(body, Received(LOGS, len(body)), wire.LOG_RECORD, write)


class _Wrong(ForeignDataError):
    """One item is not kept, the others are; the message says why."""


def _read(
    body: bytes, received: Received, shape: wire.Shape, write: Callable[[bytes, "_Writer"], str]
) -> Received:
    messages, writer = wire.Messages(body), _Writer()
    for block in messages.repeated(messages.whole(), 1):
        of_block = _Frame(messages, block, partial(_resource, writer))
        for group in messages.repeated(block, 2):
            of_group = _Frame(messages, group, partial(_scope, writer))
            for place in messages.repeated(group, 2):
                try:
                    if text := write(_bounded(messages, place, shape), writer):
                        received.add(of_block.text(), of_group.text(), text)
                except _Wrong as wrong:
                    received.reject(str(wrong))
    return received


def _bounded(messages: wire.Messages, place: wire.Place, shape: wire.Shape) -> bytes:
    item = messages.bytes_at(place)
    if len(item) > MAX_ITEM_BYTES:
        raise _Wrong(f"longer than {MAX_ITEM_BYTES:,} bytes")
    try:
        wire.check_count(messages, place, shape)
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


def _resource(writer: "_Writer", data: bytes) -> str:
    return f'"resource":{writer.object(_decoded(Resource(), data))}'


def _scope(writer: "_Writer", data: bytes) -> str:
    scope = _decoded(InstrumentationScope(), data)
    if reason := check_scope_name(scope.name):
        raise _Wrong(reason)
    return f'"scope":{writer.object(scope)}'


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


class _Writer:
    """Writes the messages of one request as JSON, at most `MAX_VALUES`; `TooMany` beyond."""

    def __init__(self) -> None:
        self._left = MAX_VALUES
        self._of_field = cache(self._find)

    def object(self, message: Message) -> str:
        """Write the fields that are set; protobuf refuses more than 100 levels."""
        self._count()
        fields = []
        for field, value in message.ListFields():
            name, write = self._of_field(field)
            if isinstance(value, _SINGLE):
                fields.append(f'"{name}":{write(value)}')
            else:
                fields.append(f'"{name}":[{",".join(filter(None, map(write, value)))}]')
        return f"{{{','.join(fields)}}}"

    def _attribute(self, pair: KeyValue) -> str:
        """Write an attribute; empty if it has no name."""
        self._count()
        if not (key := pair.key):
            return ""
        if text := pair.value.string_value:  # most of them are texts
            return f'{{"key":{quote(key)},"value":{{"stringValue":{quote(text)}}}}}'
        return f'{{"key":{quote(key)},"value":{self.object(pair.value)}}}'

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise wire.TooMany(f"more than {MAX_VALUES:,} values")

    def _find(self, field: FieldDescriptor) -> tuple[str, Callable[[Any], str]]:
        """The name of a field in JSON, and what writes one value of it."""
        write: Callable[[Any], str]
        if field.message_type is not None:
            write = self._attribute if field.message_type == KeyValue.DESCRIPTOR else self.object
        elif field.name in _IDS:
            write = _hex
        else:
            write = _WRITE.get(field.type, str)
        return field.json_name, write


def _hex(value: bytes) -> str:
    return f'"{value.hex()}"'


def _base64(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode()}"'


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _quoted(number: int) -> str:
    """ProtoJSON writes integers of 64 bits as texts."""
    return f'"{number}"'


def _double(number: float) -> str:
    """ProtoJSON has words for numbers that JSON lacks."""
    if math.isfinite(number):
        return repr(number)
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


_SINGLE = (str, bytes, int, float, Message)
_IDS = ("trace_id", "span_id", "parent_span_id")
_WRITE: dict[int, Callable[[Any], str]] = {
    FieldDescriptor.TYPE_STRING: quote,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_INT64: _quoted,
    FieldDescriptor.TYPE_FIXED64: _quoted,
}
"""By type; all others are numbers of 32 bits."""
