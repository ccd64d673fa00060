"""Spans as an OTLP request: what a receiver reads is what was sent."""

import gzip
from collections.abc import Iterator

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
from smile_trace.trackers import TrackerUnavailable
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
    """Takes protobuf alone, and answers `reply` of the type `kind`."""

    reply, kind = b"", "application/x-protobuf"

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Content-Type") != "application/x-protobuf":
            return Answer(415)
        return Answer(200, self.reply, content_type=self.kind)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        yield server


@pytest.fixture
def http(collector: Collector) -> Iterator[HttpClient]:
    service = Service(
        name="Collector",
        url=collector.url,
        timeout_setting="timeout_seconds",
        credentials="",
        access="",
        address="url of [trackers.otlp]",
    )
    client = HttpClient(service)
    yield client
    client.close()


def left_out(spans: int) -> bytes:
    partial = ExportTracePartialSuccess(rejected_spans=spans, error_message="too old")
    return bytes(ExportTraceServiceResponse(partial_success=partial).SerializeToString())


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("application/x-protobuf", left_out(0)),
        ("application/json", b"{}"),
        ("application/json; charset=utf-8", b'{"partialSuccess": {"errorMessage": "slow down"}}'),
        ("text/plain", b""),
    ],
)
def test_spans_are_sent(collector: Collector, http: HttpClient, kind: str, reply: bytes) -> None:
    collector.reply, collector.kind = reply, kind
    spans = sample_trace().spans
    post_spans(http, "v1/traces", spans)
    assert read(collector.requests[0].raw) == list(spans)


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("application/x-protobuf", left_out(2)),
        (
            "application/json",
            b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}',
        ),
    ],
)
def test_spans_that_are_left_out_are_rejected(
    collector: Collector, http: HttpClient, kind: str, reply: bytes
) -> None:
    collector.reply, collector.kind = reply, kind
    with pytest.raises(RequestRejected, match="left out 2 spans: too old"):
        post_spans(http, "v1/traces", sample_trace().spans)


def test_a_reply_that_is_none_is_no_receipt(collector: Collector, http: HttpClient) -> None:
    collector.reply, collector.kind = b"<html>Please log in</html>", "text/html"
    with pytest.raises(TrackerUnavailable, match="is not Collector"):
        post_spans(http, "v1/traces", sample_trace().spans)
    for kind in ("application/x-protobuf", "application/json"):
        collector.reply, collector.kind = b"\xff\xff[", kind
        with pytest.raises((RequestRejected, TrackerUnavailable)):
            post_spans(http, "v1/traces", sample_trace().spans)
