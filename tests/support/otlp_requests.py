"""Recorded OTLP/JSON as the requests in which an exporter sends it."""

import base64
import json
from functools import cache
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line
from tests.support.hostile import recorded_lines
from tests.support.spooled import call_span, line

IDS = ("traceId", "spanId", "parentSpanId")


def to_protobuf(document: dict[str, Any]) -> bytes:
    """An OTLP/JSON request in protobuf, by protobuf's own reader of JSON."""
    kind = ExportTraceServiceRequest if "resourceSpans" in document else ExportLogsServiceRequest
    return bytes(ParseDict(_with_base64(document), kind()).SerializeToString())


def _with_base64(value: Any) -> Any:
    """Protobuf's JSON has base64 where OTLP's has hex digits."""
    match value:
        case list():
            return [_with_base64(item) for item in value]
        case dict():
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in IDS and isinstance(item, str)
                else _with_base64(item)
                for key, item in value.items()
            }
    return value


@cache
def recorded_requests() -> tuple[bytes, ...]:
    """Every recorded request with spans, as OTLP/JSON."""
    return tuple(one for one in recorded_lines() if b'"resourceSpans"' in one)


def request_of(*numbers: int, form: str = "protobuf") -> bytes:
    """A request with one call per number, each a trace of its own."""
    text = line(*(call_span(number) for number in numbers))
    return to_protobuf(json.loads(text)) if form == "protobuf" else text


def spans_of(lines: list[bytes]) -> list[Span]:
    """The spans of those lines of a spool."""
    return [span for one in lines for span in spans_from_line(one)]
