"""Spans as OTLP/JSON: lines of a spool, and requests."""

import json
from collections.abc import Mapping, Sequence

from smile_trace.records import JSON, Span

_STATUS_CODE = {"ok": 1, "error": 2}
_INTERNAL = 1


def spans_to_otlp(spans: Sequence[Span]) -> dict[str, JSON]:
    """Return an OTLP/JSON body for `/v1/traces`: `resourceSpans`, grouped by resource and scope.
    Groups, and the spans in them, are in order of first appearance."""
    resources: dict[str, dict[str, JSON]] = {}
    groups: dict[tuple[str, str], dict[str, JSON]] = {}
    written: dict[int, str] = {}  # spans share their resource
    for span in spans:
        if id(span.resource) not in written:
            written[id(span.resource)] = json.dumps(span.resource, sort_keys=True)
        key = written[id(span.resource)]
        block = resources.get(key)
        if block is None:
            block = {"resource": {"attributes": _key_values(span.resource)}, "scopeSpans": []}
            resources[key] = block
        group = groups.get((key, span.scope))
        if group is None:
            group = {"scope": {"name": span.scope} if span.scope else {}, "spans": []}
            groups[key, span.scope] = group
            block["scopeSpans"].append(group)
        group["spans"].append(_encode(span))
    return {"resourceSpans": list(resources.values())}


def _encode(span: Span) -> dict[str, JSON]:
    encoded: dict[str, JSON] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id is not None:
        encoded["parentSpanId"] = span.parent_id
    status: dict[str, JSON] = {}
    if span.status_message:
        status["message"] = span.status_message
    if span.status in _STATUS_CODE:
        status["code"] = _STATUS_CODE[span.status]
    return encoded | {
        "name": span.name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _key_values(span.attributes),
        "events": [
            {
                "timeUnixNano": str(event.get("time_ns", 0)),
                "name": event.get("name", ""),
                "attributes": _key_values(event.get("attributes", {})),
            }
            for event in span.events
        ],
        "status": status,
    }


def _key_values(attributes: Mapping[str, JSON]) -> list[JSON]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: JSON) -> dict[str, JSON]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _key_values(value)}}
        case _:
            return {"stringValue": str(value)}
