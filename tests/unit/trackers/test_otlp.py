"""Spans as an OTLP request: what a receiver reads is what was sent."""

import gzip

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from smile_trace.records import Span
from smile_trace.records.otlp import spans_from_line
from smile_trace.sources.receiver import protobuf
from smile_trace.testing.fake_http_server import Answer, FakeHttpServer, Request
from smile_trace.testing.samples import HOSTILE, sample_trace
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace.trackers.otlp import post_spans, to_protobuf, to_request
from smile_trace.trackers.strict_json import strict_json
from tests.support.otlp_requests import recorded_requests, spans_of


def read(body: bytes) -> list[Span]:
    received = protobuf.read_traces(body)
    assert received.rejected == 0
    return spans_of(received.text.splitlines())


def test_recorded_spans_are_the_same_on_the_other_side() -> None:
    for text in recorded_requests():
        spans = [with_known_values(span) for span in spans_from_line(text)]
        by_id = {span.span_id: span for span in read(to_protobuf(spans))}
        assert by_id == {span.span_id: span for span in spans}


def with_known_values(span: Span) -> Span:
    kept = {key: value for key, value in span.attributes.items() if value is not None}
    return span.model_copy(update={"attributes": kept})


def test_spans_of_one_resource_stand_together() -> None:
    trace = sample_trace(calls=3)
    received = protobuf.read_traces(to_protobuf(trace.spans))
    assert len(received.text.splitlines()) <= len(trace.spans)
    assert read(to_protobuf(trace.spans)) == list(trace.spans)


def test_what_protobuf_cannot_hold_is_a_text() -> None:
    [span] = sample_trace().spans[:1]
    values = {
        "text": HOSTILE,
        "large": 2**63,
        "list": [1, None, "\ud800"],
        "object": {"\udfff": -(2**63), "none": None},
        "none": None,
    }
    [received] = read(to_protobuf([span.model_copy(update={"attributes": values})]))
    assert received.attributes == {
        "text": strict_json(HOSTILE),
        "large": str(2**63),
        "list": [1, "\ufffd"],
        "object": {"\ufffd": -(2**63)},
    }


def test_the_same_spans_are_the_same_bytes() -> None:
    spans = sample_trace(calls=2).spans
    assert to_request(spans) == to_request(spans)
    assert gzip.decompress(to_request(spans)) == to_protobuf(spans)


class Collector(FakeHttpServer):
    """Takes protobuf alone, and says that it left out `left_out` spans."""

    left_out = 0

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Content-Type") != "application/x-protobuf":
            return Answer(415)
        partial = ExportTracePartialSuccess(rejected_spans=self.left_out, error_message="too old")
        response = ExportTraceServiceResponse(partial_success=partial)
        body = response.SerializeToString()
        return Answer(200, body, content_type="application/x-protobuf")


def test_spans_that_are_left_out_are_rejected() -> None:
    with Collector() as server:
        service = Service(
            name="Collector",
            url=server.url,
            timeout_setting="timeout_seconds",
            credentials="",
            access="",
            address="",
        )
        http = HttpClient(service)
        spans = sample_trace().spans
        post_spans(http, "v1/traces", spans)
        assert read(server.requests[0].raw) == list(spans)
        server.left_out = 2
        with pytest.raises(RequestRejected, match="left out 2 spans: too old"):
            post_spans(http, "v1/traces", spans)
        http.close()
