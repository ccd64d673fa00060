"""A backend that takes OTLP over HTTP, as strict as the strictest that we know."""

import binascii
import gzip
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict, Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request

KIND = "smile_trace.kind"


class FakeOtlp(FakeHttpServer):
    """Keeps spans by their id. It replaces nothing: a span that comes again in other words is kept
    beside the first, as by backends that only append; in the same words, it is there once.

    Of a request, it leaves out the spans that hold the text `unwanted`, and says how many.

    It refuses what one of them refuses: parameters behind the media type, an attribute without a
    value, ids of another length or of zeros, a span that ends before it begins.
    """

    def __init__(self, *, port: int = 0, headers: dict[str, str] | None = None) -> None:
        super().__init__(port=port)
        self._headers = headers or {}
        self.unwanted: str | None = None
        self._kept: dict[bytes, Span] = {}

    @property
    def spans(self) -> list[Span]:
        """What is there, in the order of arrival."""
        return list(self._kept.values())

    @property
    def explanations(self) -> list[Span]:
        """The spans that explain one."""
        return [s for s in self.spans if attributes(s).get(KIND) == "explanation"]

    def answer(self, request: Request) -> Answer:
        """Take what is wanted of a right request, and nothing of another one."""
        if request.method != "POST" or request.path != "/v1/traces":
            return Answer(404, b"404 page not found", {}, "text/plain")
        given = {name.lower(): value for name, value in request.headers.items()}
        if any(given.get(name.lower()) != value for name, value in self._headers.items()):
            return Answer(401, b"unauthenticated", {}, "text/plain")
        media = given.get("content-type", "")
        if media not in ("application/x-protobuf", "application/json"):
            return Answer(415, b"unsupported media type", {}, "text/plain")
        try:
            spans = list(_spans(_read(media, request.raw)))
        except (DecodeError, ParseError, ValueError) as error:
            return Answer(400, str(error).encode(), {}, "text/plain")
        reply = ExportTraceServiceResponse()
        for span in spans:
            written = span.SerializeToString(deterministic=True)
            if self.unwanted is not None and self.unwanted.encode() in written:
                reply.partial_success.rejected_spans += 1
                reply.partial_success.error_message = "unwanted"
            else:
                self._kept.setdefault(written, span)
        if media == "application/json":
            return Answer(200, MessageToDict(reply))
        return Answer(200, reply.SerializeToString(), {}, media)


def attributes(span: Span) -> dict[str, Any]:
    """Its attributes by name, as plain values."""
    found: dict[str, Any] = {}
    for one in span.attributes:
        [value] = MessageToDict(one.value).values()
        found[one.key] = value
    return found


def _read(media: str, body: bytes) -> ExportTraceServiceRequest:
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    request = ExportTraceServiceRequest()
    if media == "application/x-protobuf":
        request.ParseFromString(body)
    else:
        Parse(_with_base64_ids(json.loads(body)), request)
    return request


def _with_base64_ids(body: Any) -> str:
    """OTLP/JSON as protobuf's JSON, which knows no hex digits."""
    for resource in body.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        raw = bytes.fromhex(span[name])
                        span[name] = binascii.b2a_base64(raw, newline=False).decode()
    return json.dumps(body)


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        _check(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                if len(span.trace_id) != 16 or len(span.span_id) != 8:
                    raise ValueError("an id of the wrong length")
                if not any(span.trace_id) or not any(span.span_id):
                    raise ValueError("an id of zeros")
                if len(span.parent_span_id) not in (0, 8):
                    raise ValueError("a parent's id of the wrong length")
                if span.end_time_unix_nano < span.start_time_unix_nano or not span.name:
                    raise ValueError("a span without a name, or that ends before it begins")
                _check(span.attributes)
                for event in span.events:
                    _check(event.attributes)
                yield span


def _check(found: Any) -> None:
    for one in found:
        assert isinstance(one, KeyValue)
        _check_value(one.value)
    names = [one.key for one in found]
    if len(set(names)) < len(names):
        raise ValueError("an attribute that is there twice")


def _check_value(value: AnyValue) -> None:
    kind = value.WhichOneof("value")
    if kind is None:
        raise ValueError("an attribute without a value")
    if kind == "array_value":
        for one in value.array_value.values:
            _check_value(one)
    if kind == "kvlist_value":
        _check(value.kvlist_value.values)
