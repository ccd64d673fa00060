"""What the worker tells of its own work: traces without any text, and lines with fields.

A trace says what took how long, and is never explained; a line of the log that is about a call, a
model or a tracker says which.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from smile_trace.cli.output import NOISY, JsonLines
from smile_trace.settings import Settings
from smile_trace.trackers import CapturedTrace, Outcome
from smile_trace.worker.run import run
from smile_trace.worker.telemetry import traced, tracing
from tests.support.fake_otlp import FakeOtlp, attributes
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import serving
from tests.support.ports import steady_port
from tests.support.spooled import call_span, span_id, trace_id, write_spool
from tests.support.store_rows import call_id
from tests.support.worker_settings import PROMPT, WORD, capture, planted_answer

Configure = Callable[..., Settings]


@pytest.fixture
def collector() -> Iterator[FakeOtlp]:
    """Takes OTLP."""
    with FakeOtlp() as running:
        yield running


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_nobody_who_takes_the_traces_holds_nothing_up(configure: Configure) -> None:
    settings = configure(worker={"otlp_endpoint": f"http://127.0.0.1:{steady_port()}"})
    capture(settings, 1)
    assert run(settings, once=True, trackers=[]).explained == 1


def named(collector: FakeOtlp, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


def to(settings: Settings, url: str) -> Settings:
    worker: dict[str, Any] = {"worker": settings.worker.model_copy(update={"otlp_endpoint": url})}
    return settings.model_copy(update=worker)


IDS = ("trace_id", "call_id", "job_id")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The lines that `--log json` writes, read."""
    caplog.handler.setFormatter(JsonLines())
    caplog.set_level(logging.INFO)
    for name in NOISY:  # a command that ran in this process has silenced them
        caplog.set_level(logging.INFO, name)
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]


def test_a_call_that_is_not_explained_is_named_in_fields(
    configure: Callable[..., Settings], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    settings = configure(explain={"protect": ["all of this"]})
    write_spool(settings.spool, [call_span(9, prompt="all of this")], "a.jsonl")
    run(settings, once=True, trackers=[])
    [line] = [one for one in lines() if "is not explained" in one["message"]]
    assert {name: line[name] for name in IDS} == {
        "trace_id": trace_id(9),
        "call_id": call_id(9),
        "job_id": 1,
    }
    assert line["model"] == "planted"
    [start] = [one for one in lines() if "the worker starts" in one["message"]]
    assert not {*IDS, "model"} & start.keys(), "it is about no call"


@pytest.mark.slow
def test_lines_of_the_library_that_asks_name_the_call_of_two_at_once(
    configure: Callable[..., Settings], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    both = threading.Barrier(2)

    def answering() -> Callable[[str], str]:
        waits = [both.wait]

        def answer(prompt: str) -> str:
            while waits:
                waits.pop()(300)  # each model is asked while the other one waits
            return planted_answer(prompt)

        return answer

    with serving(answering()) as one, serving(answering()) as two:
        asked = {"one": one.base_url, "two": two.base_url}
        models = {name: {"kind": "endpoint", "base_url": url} for name, url in asked.items()}
        settings = configure(models=models)
        calls = [
            call_span(n, prompt=PROMPT, answer=planted_answer(PROMPT), model=model)
            for n, model in enumerate(asked, 1)
        ]
        write_spool(settings.spool, calls)
        run(settings, once=True, trackers=[])
    sent = [line for line in lines() if line["message"].startswith("HTTP Request: POST")]
    told = {(line["message"].split("/")[2], line["trace_id"], line["model"]) for line in sent}
    ports = {name: url.split("/")[2] for name, url in asked.items()}
    assert told == {(ports["one"], trace_id(1), "one"), (ports["two"], trace_id(2), "two")}


@pytest.mark.slow
def test_a_delivery_that_fails_names_its_tracker_and_its_trace(
    settings: Settings, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    class BrokenOnce(FakeTracker):
        def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
            if self.fail_with is not None:
                error, self.fail_with = self.fail_with, None
                raise error
            return super().deliver_traces(items)

    tracker = BrokenOnce("broken")
    tracker.fail_with = ValueError("no such field")
    capture(settings, 1)
    run(settings, once=True, trackers=[tracker])
    [line] = [one for one in lines() if one["message"].endswith(" failed")]
    assert (line["tracker"], line["trace_id"]) == ("broken", trace_id(1))
    assert "no such field" in line["traceback"]
