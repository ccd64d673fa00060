"""OTLP: the contract suite, what stands in the spans, a backend's limits, and a Collector."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from smile_trace.errors import ReasonCode
from smile_trace.records import JSON
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, TrackerUnavailable
from smile_trace.worker.delivery.delivery_worker import DeliveryWorker
from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Fault
from smile_trace_contracts.samples import sample_explanation, sample_trace
from smile_trace_contracts.tracker import TrackerContract
from smile_trace_otlp import OtlpTracker
from tests.support.collector import Collector, agent
from tests.support.fake_otlp import FakeOtlp, attributes
from tests.support.store_rows import capture, explain
from tests.support.stores import settings, store
from tests.support.visible import in_otlp


@pytest.fixture(params=["protobuf", "json"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestOtlpTracker(TrackerContract):
    encoding: str

    @pytest.fixture
    def server(self) -> Iterator[FakeOtlp]:
        with FakeOtlp() as running:
            yield running

    @pytest.fixture
    def tracker(self, server: FakeOtlp, encoding: str) -> Iterator[OtlpTracker]:
        self.encoding = encoding
        made = OtlpTracker.from_settings(self.table(server))
        assert made is not None
        yield made
        made.close()

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"endpoint": server.url, "encoding": self.encoding, "timeout_seconds": 30}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        assert isinstance(server, FakeOtlp)
        server.unwanted = text
        return True

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        return in_otlp(server)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        return in_otlp(server)[1]


__all__ = ["settings", "store"]
PICTURE = "llm.output_messages.0.message.contents.0.message_content.image.image.url"


@contextmanager
def tracker(**options: JSON) -> Iterator[OtlpTracker]:
    made = OtlpTracker.from_settings({"timeout_seconds": 30, **options})
    assert made is not None
    yield made
    made.close()


def deliver(made: OtlpTracker, calls: int = 1) -> None:
    trace = sample_trace(calls=calls)
    items = [
        ExplainedCall(
            trace=trace,
            call=call,
            explanation=sample_explanation(call),
            traced_as=trace.trace_id,
        )
        for call in trace.calls
    ]
    outcomes = made.deliver_traces([CapturedTrace(trace=trace)])
    outcomes += made.deliver_explanations(items)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)


def test_the_span_holds_the_heatmap_as_text_and_the_picture() -> None:
    with FakeOtlp() as server, tracker(endpoint=server.url) as made:
        deliver(made)
    [span] = server.explanations
    shown = attributes(span)
    assert "France?⁺" in shown["smile.heatmap"]
    assert shown[PICTURE].startswith("data:image/svg+xml;base64,")
    assert shown["gen_ai.evaluation.score.label"] == "reliable"
    assert span.parent_span_id in {other.span_id for other in server.spans}


def test_where_the_backend_has_the_traces_only_the_explanation_is_sent() -> None:
    with FakeOtlp() as server, tracker(endpoint=server.url, traces=False) as made:
        deliver(made, calls=2)
    assert len(server.spans) == len(server.explanations) == 2


def test_a_preset_sends_its_headers_and_no_picture_to_those_that_draw_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HONEYCOMB_API_KEY", "key")
    with (
        FakeOtlp(headers={"x-honeycomb-team": "key"}) as server,
        tracker(preset="honeycomb", endpoint=server.url) as made,
    ):
        deliver(made)
    [span] = server.explanations
    assert PICTURE not in attributes(span)
    assert "France?⁺" in attributes(span)["smile.heatmap"]


def test_texts_stay_within_what_the_backend_keeps() -> None:
    with FakeOtlp() as server, tracker(preset="tempo", endpoint=server.url) as made:
        deliver(made)
    [span] = server.explanations
    texts = [value for value in attributes(span).values() if isinstance(value, str)]
    assert max(map(len, texts)) <= 2048
    assert "smile_trace.explanation" not in attributes(span)  # a part of JSON is none


def test_doctor_asks_with_a_request_without_spans() -> None:
    with (
        FakeOtlp(headers={"x-key": "a"}) as server,
        tracker(endpoint=server.url) as made,
        pytest.raises(TrackerUnavailable, match="header_env"),
    ):
        made.check()
    with FakeOtlp() as server, tracker(endpoint=server.url) as made:
        assert made.check()
        assert server.spans == []
        with (
            tracker(endpoint=f"{server.url}/otlp") as elsewhere,
            pytest.raises(TrackerUnavailable, match="nothing accepts traces at"),
        ):
            elsewhere.check()


def test_doctor_finds_a_server_of_something_else() -> None:
    refusal = Fault("answer", Answer(405, b"Method Not Allowed", {}, "text/plain"))
    with FakeOtlp() as server, tracker(endpoint=server.url) as made:
        server.faults = [refusal]
        with pytest.raises(TrackerUnavailable, match="nothing accepts traces at"):
            made.check()


def test_doctor_says_that_grpc_is_not_spoken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as grpc,
        tracker(endpoint=f"http://127.0.0.1:{grpc.getsockname()[1]}") as made,
    ):
        settings_frame = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

        def greet() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    connection, _ = grpc.accept()
                    connection.recv(65536)
                    connection.sendall(settings_frame)
                    connection.close()

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(TrackerUnavailable, match="gRPC, mostly on 4317, is not supported"):
            made.check()


def test_a_later_explanation_is_not_sent_and_status_says_so(
    store: Store, settings: Settings
) -> None:
    capture(store, 1)
    explain(store, 1)
    with FakeOtlp() as server, tracker(endpoint=server.url) as made:
        worker = DeliveryWorker(made, store, settings)
        assert worker.run().explanations == 1
        explain(store, 1)
        assert worker.run().explanations == 0
        assert len(server.explanations) == 1
    [counts] = store.status().trackers
    assert (counts.explanations, counts.waiting) == (1, 0)
    [said] = counts.not_replaced
    assert (said.count, said.code) == (1, ReasonCode.NOT_REPLACED)


@pytest.mark.skipif(agent() is None, reason="rotel is not installed")
def test_a_collector_takes_everything(tmp_path: Path) -> None:
    with FakeOtlp() as server:
        collector = Collector(server.url, tmp_path / "collector.log")
        collector.start()
        try:
            for encoding in ("protobuf", "json"):
                address = collector.traces
                with tracker(endpoint=address, encoding=encoding) as made:
                    assert made.check()
                    deliver(made, calls=3)
        finally:
            collector.stop()
        assert len(server.explanations) == 6
        assert "France?⁺" in attributes(server.explanations[0])["smile.heatmap"]
