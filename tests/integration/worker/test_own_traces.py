"""Traces of the worker's own work: what took how long, never a text, and never explained."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from smile_trace.settings import Settings
from smile_trace.worker.own_traces import traced, tracing
from smile_trace.worker.run import run
from tests.support.fake_otlp import FakeOtlp, attributes
from tests.support.fake_tracker import FakeTracker
from tests.support.ports import steady_port
from tests.support.spooled import span_id, trace_id
from tests.support.store_rows import call_id
from tests.support.worker_settings import WORD, capture

Configure = Callable[..., Settings]


@pytest.fixture
def collector() -> Iterator[FakeOtlp]:
    """Takes OTLP."""
    with FakeOtlp() as running:
        yield running


def test_a_worker_traces_what_it_reads_explains_and_delivers(
    configure: Configure, collector: FakeOtlp
) -> None:
    settings = configure(
        worker={"otlp_endpoint": collector.url}, explain={"sanity_check_rate": 1.0}
    )
    capture(settings, 1)
    run(settings, once=True, trackers=[FakeTracker()])

    [explain] = named(collector, "explain")
    told = attributes(explain)
    assert {told[f"smile_trace.{field}"] for field in ("trace_id", "call_id", "model")} == {
        trace_id(1),
        call_id(1),
        "planted",
    }
    assert told["smile_trace.outcome"] == "reliable"
    [link] = explain.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (trace_id(1), span_id(1))
    inside = [span for span in collector.spans if span.parent_span_id == explain.span_id]
    assert {span.name for span in inside} == {"round", "fit", "sanity check"}
    assert all(span.trace_id == explain.trace_id and not span.links for span in inside)
    asked = [attributes(span)["smile_trace.perturbations"] for span in inside if "r" in span.name]
    assert sum(map(int, asked)) >= 10

    [ingest] = named(collector, "ingest")
    assert attributes(ingest)["smile_trace.spans"] == "1"
    delivered = [attributes(span) for span in named(collector, "deliver")]
    assert {one["smile_trace.tracker"] for one in delivered} == {"fake"}
    for span in collector.spans:
        assert attributes(span)["smile_trace.kind"] == "work"
        assert WORD.encode() not in span.SerializeToString()


def test_what_goes_wrong_is_named_without_its_message(
    settings: Settings, collector: FakeOtlp
) -> None:
    with tracing(to(settings, collector.url)):
        with pytest.raises(ValueError, match="a secret"), traced("round"):
            raise ValueError("a secret")
        with traced("explain"):
            assert not trace.get_current_span().get_span_context().is_valid
    failed, explained = collector.spans
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "ValueError"
    assert b"secret" not in failed.SerializeToString()
    assert not failed.events
    assert explained.status.code == Status.STATUS_CODE_UNSET
    with traced("explain"):  # nobody is told of it any more
        pass
    assert len(collector.spans) == 2


def test_own_traces_that_come_back_are_neither_stored_nor_explained(
    configure: Configure,
) -> None:
    port = steady_port()
    settings = configure(
        worker={"otlp_endpoint": f"http://127.0.0.1:{port}/v1/traces"}, receive={"port": port}
    )
    capture(settings, 1)
    run(settings, once=True, trackers=[])
    received = b"".join(path.read_bytes() for path in settings.spool.glob("*.jsonl"))
    assert b'"explain"' in received
    assert b'"work"' in received
    status = run(settings, once=True, trackers=[])
    assert (status.captured, status.open_traces, status.explained) == (1, 0, 1)


def test_nobody_who_takes_the_traces_holds_nothing_up(configure: Configure) -> None:
    settings = configure(worker={"otlp_endpoint": f"http://127.0.0.1:{steady_port()}"})
    capture(settings, 1)
    assert run(settings, once=True, trackers=[]).explained == 1


def named(collector: FakeOtlp, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


def to(settings: Settings, url: str) -> Settings:
    worker: dict[str, Any] = {"worker": settings.worker.model_copy(update={"otlp_endpoint": url})}
    return settings.model_copy(update=worker)
