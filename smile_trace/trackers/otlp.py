"""Spans to a server that takes OTLP over HTTP, in protobuf or JSON, packed with gzip.

Source: opentelemetry-proto `collector/trace/v1/trace_service.proto`, and "OTLP/HTTP" of the OTLP
specification. The same spans always give the same bytes.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict, Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from smile_trace.records import JSON, Span
from smile_trace.trackers.fields import strict_json
from smile_trace.trackers.http import HttpClient, RequestRejected, one_line

Encoding = Literal["protobuf", "json"]

MEDIA_TYPES: dict[Encoding, str] = {
    "protobuf": "application/x-protobuf",
    "json": "application/json",
}
"""Sent without parameters, which some servers refuse."""
_STATUS = {
    "unset": Status.STATUS_CODE_UNSET,
    "ok": Status.STATUS_CODE_OK,
    "error": Status.STATUS_CODE_ERROR,
}
_INT64 = range(-(2**63), 2**63)


def post_spans(
    http: HttpClient, path: str, spans: Sequence[Span], *, encoding: Encoding = "protobuf"
) -> None:
    """Send spans in one request; `RequestRejected` also if the server reports spans left out."""
    prepare_post(http, path, spans, encoding=encoding)()


def prepare_post(
    http: HttpClient, path: str, spans: Iterable[Span], *, encoding: Encoding = "protobuf"
) -> Callable[[], None]:
    """Encode spans and return what sends them, as `post_spans` does."""
    return partial(_post, http, path, to_request(spans, encoding), encoding)


def _post(http: HttpClient, path: str, content: bytes, encoding: Encoding) -> None:
    headers = {"Content-Type": MEDIA_TYPES[encoding], "Content-Encoding": "gzip"}
    response = http.request("POST", path, content=content, headers=headers)
    if response.content:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        replied = next((name for name, media in MEDIA_TYPES.items() if media == kind), None)
        if replied is None:  # a login page, most likely
            raise http.service.wrong()
        _check_taken(http, response.content, replied)


def to_request(spans: Iterable[Span], encoding: Encoding = "protobuf") -> bytes:
    """Return the body of a request: an `ExportTraceServiceRequest`, packed."""
    written = to_protobuf(spans) if encoding == "protobuf" else to_json(spans)
    return gzip.compress(written, 1, mtime=0)


def to_protobuf(spans: Iterable[Span]) -> bytes:
    """Return an `ExportTraceServiceRequest`, grouped by resource and scope. None values are left
    out; what UTF-8 or 64 bits cannot hold is written as text."""
    return bytes(_request(spans).SerializeToString(deterministic=True))


def to_json(spans: Iterable[Span]) -> bytes:
    """Return the same as OTLP/JSON, with ids in hex and enumerations as numbers."""
    written = MessageToDict(_request(spans), use_integers_for_enums=True)
    resources = written.setdefault("resourceSpans", [])
    for scope in (scope for resource in resources for scope in resource["scopeSpans"]):
        for span in scope["spans"]:
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(written, separators=(",", ":")).encode()


def _request(given: Iterable[Span]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scopes: dict[tuple[str, str], ScopeSpans] = {}
    resources: dict[str, ResourceSpans] = {}
    written: dict[int, str] = {}  # spans share their resource
    spans = list(given)
    for span in spans:
        resource = written.get(id(span.resource))
        if resource is None:
            resource = written[id(span.resource)] = repr(sorted(span.resource.items()))
        if resource not in resources:
            resources[resource] = block = request.resource_spans.add()
            _add(block.resource.attributes, span.resource)
        if (resource, span.scope) not in scopes:
            scopes[resource, span.scope] = group = resources[resource].scope_spans.add()
            group.scope.name = _text(span.scope)
        _write(span, scopes[resource, span.scope].spans.add())
    return request


def _write(span: Span, written: ProtoSpan) -> None:
    written.trace_id = bytes.fromhex(span.trace_id)
    written.span_id = bytes.fromhex(span.span_id)
    written.parent_span_id = bytes.fromhex(span.parent_id or "")
    written.name = _text(span.name)
    written.kind = ProtoSpan.SPAN_KIND_INTERNAL
    written.start_time_unix_nano, written.end_time_unix_nano = span.start_ns, span.end_ns
    _add(written.attributes, span.attributes)
    for event in span.events:
        noted = written.events.add()
        noted.name = _text(event.get("name", ""))
        noted.time_unix_nano = event.get("time_ns", 0)
        _add(noted.attributes, event.get("attributes", {}))
    written.status.code = _STATUS[span.status]
    written.status.message = _text(span.status_message)


def _add(written: Any, attributes: Mapping[str, JSON]) -> None:
    # Filled in place: a message that is made first, and then added, is copied.
    for key, value in attributes.items():
        if value is None:
            continue
        one = written.add()
        one.key = key if key.isascii() else _text(key)
        if type(value) is str and value.isascii():  # as most are
            one.value.string_value = value
        else:
            _set(one.value, value)


def _set(written: AnyValue, value: JSON) -> None:
    match value:
        case bool():
            written.bool_value = value
        case int() if value in _INT64:
            written.int_value = value
        case float():
            written.double_value = value
        case list() | tuple():
            written.array_value.SetInParent()  # also where it is empty
            for item in value:
                if item is not None:
                    _set(written.array_value.values.add(), item)
        case dict():
            written.kvlist_value.SetInParent()
            _add(written.kvlist_value.values, value)
        case _:
            written.string_value = _text(value)


def _text(value: JSON) -> str:
    text = str(value)
    return text if text.isascii() else str(strict_json(text))


def _check_taken(http: HttpClient, reply: bytes, encoding: Encoding) -> None:
    response = ExportTraceServiceResponse()
    try:
        if encoding == "protobuf":
            response.ParseFromString(reply)
        else:
            Parse(reply or b"{}", response, ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError) as error:
        raise http.service.unreadable(error) from error
    partial = response.partial_success
    if partial.rejected_spans:
        raise RequestRejected(
            f"{http.service.name} rejected {partial.rejected_spans} spans: "
            f"{one_line(partial.error_message)}",
            status=200,
            retry=False,
        )
