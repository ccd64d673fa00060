"""OTLP requests in protobuf as lines of OTLP/JSON.

The text is built directly: protobuf's own JSON takes several times as long, and writes ids as
base64 where OTLP has hex digits.
"""

import base64
import math
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quote

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from smile_trace.foreign import ForeignDataError
from smile_trace.sources.receiver.lines import Received

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)
MAX_TIME = 2**63


def read_traces(body: bytes) -> Received:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        ForeignDataError: it is none.
    """
    request = ExportTraceServiceRequest()
    _decode(request, body)
    received = Received()
    for block in request.resource_spans:
        before, after = _around("Spans", block.resource, block.schema_url)
        for group in block.scope_spans:
            spans = []
            for span in group.spans:
                if reason := _wrong_span(span):
                    received.reject(reason)
                else:
                    spans.append(_span(span))
            head = f'{before}{{"scope":{_scope(group.scope)},"spans":['
            received.add(head, spans, f"]{_schema(group.schema_url)}}}{after}")
    return received


def read_logs(body: bytes) -> Received:
    """The log records of an `ExportLogsServiceRequest` that belong to a trace; no call can be
    read of the others, which are left out.

    Raises:
        ForeignDataError: it is none.
    """
    request = ExportLogsServiceRequest()
    _decode(request, body)
    received = Received()
    for block in request.resource_logs:
        before, after = _around("Logs", block.resource, block.schema_url)
        for group in block.scope_logs:
            records = []
            for record in group.log_records:
                if reason := _wrong_log_record(record):
                    received.reject(reason)
                elif any(record.trace_id):
                    records.append(_log_record(record))
            head = f'{before}{{"scope":{_scope(group.scope)},"logRecords":['
            received.add(head, records, f"]{_schema(group.schema_url)}}}{after}")
    return received


def _decode(request: ExportTraceServiceRequest | ExportLogsServiceRequest, body: bytes) -> None:
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise ForeignDataError("the body is no OTLP request in protobuf") from None


def _around(signal: str, resource: Resource, schema_url: str) -> tuple[str, str]:
    """The text of a line before and after its group."""
    fields = f'"attributes":[{_attributes(resource.attributes)}]'
    if resource.dropped_attributes_count:
        fields += f',"droppedAttributesCount":{resource.dropped_attributes_count}'
    head = f'{{"resource{signal}":[{{"resource":{{{fields}}},"scope{signal}":['
    return head, f"]{_schema(schema_url)}}}]}}"


def _scope(scope: InstrumentationScope) -> str:
    fields = [f'"name":{quote(scope.name)}'] if scope.name else []
    if scope.version:
        fields.append(f'"version":{quote(scope.version)}')
    if scope.attributes:
        fields.append(f'"attributes":[{_attributes(scope.attributes)}]')
    return f"{{{','.join(fields)}}}"


def _schema(url: str) -> str:
    return f',"schemaUrl":{quote(url)}' if url else ""


def _is_id(value: bytes, none: bytes) -> bool:
    return len(value) == len(none) and value != none


def _wrong_span(span: Span) -> str:
    """Why the store could not keep a span; empty where it can."""
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
    """As `_wrong_span`."""
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
    fields.append(
        f'"name":{quote(span.name)},"kind":{span.kind},'
        f'"startTimeUnixNano":"{span.start_time_unix_nano}",'
        f'"endTimeUnixNano":"{span.end_time_unix_nano}"'
    )
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
    fields.append(f'"status":{{{",".join(status)}}}')
    return f"{{{','.join(fields)}}}"


def _event(event: Span.Event) -> str:
    return (
        f'{{"timeUnixNano":"{event.time_unix_nano}","name":{quote(event.name)},'
        f'"attributes":[{_attributes(event.attributes)}],'
        f'"droppedAttributesCount":{event.dropped_attributes_count}}}'
    )


def _link(link: Span.Link) -> str:
    return (
        f'{{"traceId":"{link.trace_id.hex()}","spanId":"{link.span_id.hex()}",'
        f'"attributes":[{_attributes(link.attributes)}],"flags":{link.flags}}}'
    )


def _log_record(record: LogRecord) -> str:
    fields = [f'"timeUnixNano":"{record.time_unix_nano}"']
    fields.append(f'"observedTimeUnixNano":"{record.observed_time_unix_nano}"')
    if record.severity_number:
        fields.append(f'"severityNumber":{record.severity_number}')
    if record.severity_text:
        fields.append(f'"severityText":{quote(record.severity_text)}')
    if record.event_name:
        fields.append(f'"eventName":{quote(record.event_name)}')
    if record.HasField("body"):
        fields.append(f'"body":{_value(record.body)}')
    fields.append(f'"attributes":[{_attributes(record.attributes)}]')
    if record.flags:
        fields.append(f'"flags":{record.flags}')
    fields.append(f'"traceId":"{record.trace_id.hex()}"')
    if any(record.span_id):
        fields.append(f'"spanId":"{record.span_id.hex()}"')
    return f"{{{','.join(fields)}}}"


def _attributes(pairs: Iterable[KeyValue]) -> str:
    return ",".join([f'{{"key":{quote(one.key)},"value":{_value(one.value)}}}' for one in pairs])


def _value(value: AnyValue) -> str:
    """One `AnyValue`; protobuf reads no message that is nested deeper than 100 levels."""
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
    """ProtoJSON has words for what JSON has no numbers for."""
    if math.isfinite(number):
        return repr(number)
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
