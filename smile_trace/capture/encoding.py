"""A finished span as one OTLP/JSON line (OTLP 1.x, JSON Protobuf encoding).

Ids are hex, 64-bit integers are strings, enums are numbers, fields with their default value
are left out: what the OpenTelemetry Collector's file exporter writes, too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode

SAMPLED_FLAGS = 0x100
"""OTLP's "we know whether the parent is remote"; bit 0x200 says that it is."""


def encode_line(span: "ReadableSpan") -> bytes:
    """The span with its resource and scope, as one line without a newline."""
    resource = {"attributes": encode_attributes(span.resource.attributes)}
    scope = _scope(span.instrumentation_scope)
    block = {"scope": scope, "spans": [encode_span(span)]}
    return _encode({"resourceSpans": [{"resource": resource, "scopeSpans": [block]}]}).encode()


def encode_span(span: "ReadableSpan") -> dict[str, Any]:
    """The span as an OTLP/JSON object."""
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    encoded: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "flags": SAMPLED_FLAGS | (0x200 if parent is not None and parent.is_remote else 0),
    }
    if parent is not None:
        encoded["parentSpanId"] = f"{parent.span_id:016x}"
    if context.trace_state:
        encoded["traceState"] = context.trace_state.to_header()
    encoded["name"] = span.name
    encoded["kind"] = span.kind.value + 1
    encoded["startTimeUnixNano"] = str(span.start_time or 0)
    encoded["endTimeUnixNano"] = str(span.end_time or 0)
    if span.attributes:
        encoded["attributes"] = encode_attributes(span.attributes)
    if span.events:
        encoded["events"] = [_event(event) for event in span.events]
    if span.links:
        encoded["links"] = [_link(link) for link in span.links]
    status: dict[str, Any] = {}
    if span.status.description:
        status["message"] = span.status.description
    if span.status.status_code.value:
        status["code"] = span.status.status_code.value
    encoded["status"] = status
    return encoded


def encode_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as a list of OTLP key-values."""
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    # bool before int: True is an int, too.
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": _double(value)}
    if isinstance(value, bytes):
        import base64

        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": encode_attributes(value)}}
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)} if value is not None else {}


def _double(value: float) -> float | str:
    """JSON has no NaN and no infinities; ProtoJSON writes them as these words."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _scope(scope: "InstrumentationScope | None") -> dict[str, Any]:
    if scope is None:
        return {}
    encoded: dict[str, Any] = {"name": scope.name}
    if scope.version:
        encoded["version"] = scope.version
    if getattr(scope, "attributes", None):
        encoded["attributes"] = encode_attributes(scope.attributes or {})
    return encoded


def _event(event: "Event") -> dict[str, Any]:
    encoded: dict[str, Any] = {"timeUnixNano": str(event.timestamp), "name": event.name}
    if event.attributes:
        encoded["attributes"] = encode_attributes(event.attributes)
    return encoded


def _link(link: "Link") -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "traceId": f"{link.context.trace_id:032x}",
        "spanId": f"{link.context.span_id:016x}",
        "flags": SAMPLED_FLAGS | (0x200 if link.context.is_remote else 0),
    }
    if link.attributes:
        encoded["attributes"] = encode_attributes(link.attributes)
    return encoded
