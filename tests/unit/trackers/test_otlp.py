"""Spans over OTLP: where they are sent, and what a receiver reads of them."""

import base64
import gzip
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from smile_trace._guards.presentable import presentable
from smile_trace.records import Span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.sources.receiver import protobuf
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.fields import strict_json
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace.trackers.otlp import post_spans, to_protobuf, to_request
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from smile_trace_contracts.samples import HOSTILE, sample_trace
from smile_trace_otlp import OtlpTracker
from smile_trace_otlp.tracker import Endpoint, OtlpOptions, endpoint_of
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
    with pytest.raises(RequestRejected, match="rejected 2 spans: too old"):
        post_spans(http, "v1/traces", sample_trace().spans)


def test_a_reply_that_is_none_is_no_receipt(collector: Collector, http: HttpClient) -> None:
    collector.reply, collector.kind = b"<html>Please log in</html>", "text/html"
    with pytest.raises(TrackerUnavailable, match="is not Collector"):
        post_spans(http, "v1/traces", sample_trace().spans)
    for kind in ("application/x-protobuf", "application/json"):
        collector.reply, collector.kind = b"\xff\xff[", kind
        with pytest.raises((RequestRejected, TrackerUnavailable)):
            post_spans(http, "v1/traces", sample_trace().spans)


STANDARD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318/",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x-tenant=a",
}


def test_the_standard_variables_give_address_and_headers() -> None:
    found = endpoint_of(OtlpOptions(traces=False), STANDARD)
    headers = {"authorization": "Bearer abc", "x-tenant": "a"}
    assert found == Endpoint("https://collector.example:4318", headers, "protobuf")


def test_those_for_traces_go_before_those_for_everything() -> None:
    environment = STANDARD | {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:9/custom/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-tenant=b",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
    }
    found = endpoint_of(OtlpOptions(traces=False), environment)
    assert found == Endpoint("http://localhost:9/custom", {"x-tenant": "b"}, "json")


def test_the_headers_of_one_backend_are_never_sent_to_another() -> None:
    found = endpoint_of(OtlpOptions(preset="jaeger"), STANDARD)
    assert found.base == "http://localhost:4318"
    assert found.headers == {}
    found = endpoint_of(OtlpOptions(endpoint="http://localhost:1"), STANDARD)
    assert found.headers == {}


def test_a_preset_takes_its_headers_from_the_variables_of_its_backend() -> None:
    environment = {"WANDB_API_KEY": "secret", "WEAVE_PROJECT": "team/shop"}
    found = endpoint_of(OtlpOptions(preset="weave"), environment)
    basic = base64.b64encode(b"api:secret").decode()
    assert found.headers == {"Authorization": f"Basic {basic}", "project_id": "team/shop"}
    assert found.base == "https://trace.wandb.ai/otel"


def test_what_headers_hold_is_shown_nowhere() -> None:
    """A server may quote them in its replies."""
    options = OtlpOptions(preset="weave", header_env={"x-team": "TEAM"})
    environment = {"WANDB_API_KEY": "plainpass", "WEAVE_PROJECT": "a/b", "TEAM": "plainteam"}
    sent = endpoint_of(options, environment).headers.values()
    assert presentable(" ".join([*sent, "plainpass"])).count("[redacted]") == 3
    endpoint_of(
        OtlpOptions(traces=False), STANDARD | {"OTEL_EXPORTER_OTLP_HEADERS": "x=plainvalue"}
    )
    assert presentable("bad x: plainvalue") == "bad x: [redacted]"


def test_named_variables_give_further_headers() -> None:
    options = OtlpOptions(endpoint="http://localhost:1/v1/traces/", header_env={"x-key": "KEY"})
    found = endpoint_of(options, {"KEY": "k"})
    assert found == Endpoint("http://localhost:1", {"x-key": "k"}, "protobuf")


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ({"traces": False}, {}, "has no address: set endpoint or preset, or OTEL_EXPORTER"),
        ({"preset": "honeycomb"}, {}, "comes from HONEYCOMB_API_KEY: set it"),
        ({"preset": "grafana_cloud"}, {}, "has no address"),
        ({"endpoint": "localhost:4317"}, {}, "begins with http"),
        ({"endpoint": "http://h/v1/traces?token=a"}, {}, "without"),
        ({"endpoint": "http://h", "header_env": {"a": "NOT_SET"}}, {}, "comes from NOT_SET"),
        ({"traces": True}, STANDARD | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "over HTTP only"),
        ({"preset": "datadog", "encoding": "json"}, {"DD_API_KEY": "k"}, "protobuf only"),
    ],
)
def test_what_cannot_be_used_says_what_to_set(
    options: dict[str, object], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        endpoint_of(OtlpOptions.model_validate(options), environment)


def test_the_standard_variables_alone_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STANDARD.items():
        monkeypatch.setenv(name, value)
    assert OtlpTracker.from_settings({}) is None


@pytest.mark.parametrize("preset", ["nobody", 3])
def test_an_unknown_preset_is_refused(preset: object) -> None:
    with pytest.raises(ValueError, match="preset"):
        OtlpTracker.from_settings({"preset": preset})
