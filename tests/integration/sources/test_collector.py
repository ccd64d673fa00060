"""A Collector between applications and the receiver: batches, retries, restarts of both."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smile_trace.records import Span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.late_span import Parent, late_span
from smile_trace.trackers.presentation import HeatmapView
from smile_trace.worker.ingest import Ingest
from smile_trace_contracts.samples import sample_explanation, sample_trace
from tests.support.arrivals import records
from tests.support.collector import BATCH, Collector, agent
from tests.support.otlp_json import spans_to_otlp
from tests.support.otlp_requests import request_of, to_protobuf
from tests.support.otlp_requests import spans_of as spans_of_lines
from tests.support.receiver_process import PROTOBUF, Receiver, post
from tests.support.recorded_calls import calls_of, row_of, spans_of
from tests.support.spooled import call_span

pytestmark = pytest.mark.skipif(agent() is None, reason="rotel is not installed")

CALLS = 600
EACH = 10
EVENTS = "opentelemetry-instrumentation-genai-openai-1.3b0.event_only"
"""A recording whose content stands in log records."""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def collector(receiver: Receiver, tmp_path: Path) -> Iterator[Collector]:
    made = Collector(receiver.address, tmp_path / "collector.log")
    yield made
    made.stop()


@contextmanager
def ingested(receiver: Receiver, torn: int = 0) -> Iterator[Store]:
    """The store, once a worker has read the spool, of which `torn` lines at most are torn."""
    settings = Settings(home=receiver.home)
    with Store.open(settings) as store:
        assert Ingest(store, settings).run().corrupt <= torn
        yield store


def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def arrived(receiver: Receiver) -> list[Span]:
    """What stands in its spool, in whole lines."""
    files = (receiver.home / "spool").glob("*.jsonl")
    whole = b"\n".join(file.read_bytes().rpartition(b"\n")[0] for file in files)
    return spans_of_lines([line for line in whole.splitlines() if line])


def take(url: str, request: bytes) -> None:
    """Send it until it is taken, as an SDK's exporter does where the Collector itself is away."""
    status = 0
    while status != 200:
        try:
            status = post(url, request, PROTOBUF).status
        except OSError:
            time.sleep(0.05)


class Sender(threading.Thread):
    """Sends calls, EACH in a request, and our own late spans under them."""

    def __init__(self, collector: Collector) -> None:
        super().__init__()
        self._collector = collector
        self.taken: set[int] = set()
        self.half = threading.Event()

    def run(self) -> None:
        late = late_explanation()
        for first in range(1, CALLS, EACH):
            numbers = range(first, first + EACH)
            take(self._collector.traces, request_of(*numbers))
            take(self._collector.traces, to_protobuf(spans_to_otlp([under(late, first)])))
            self.taken.update(numbers)
            if first > CALLS // 2:
                self.half.set()
            time.sleep(0.02)


def late_explanation() -> Span:
    """The span of an explanation."""
    trace = sample_trace()
    [call] = trace.calls
    item = ExplainedCall(trace=trace, call=call, explanation=sample_explanation(call), traced_as="")
    parent = Parent(trace.trace_id, call.span_id, call.start_ns, call.end_ns)
    return late_span(parent, HeatmapView(item))


def under(late: Span, number: int) -> Span:
    """The same under another call."""
    call = call_span(number)
    ids = {
        "trace_id": call.trace_id,
        "parent_id": call.span_id,
        "span_id": f"{number + 2**40:016x}",
    }
    return late.model_copy(update=ids)


@pytest.mark.slow
def test_receiver_and_collector_end_while_calls_are_sent(
    receiver: Receiver, collector: Collector
) -> None:
    """The receiver is killed, and the Collector tries again; then that one is stopped, too."""
    chance, kills = random.Random(0), 3
    receiver.start()
    collector.start()
    sender = Sender(collector)
    sender.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 0.5))
        receiver.kill()
        time.sleep(chance.uniform(0.1, 0.8))
        receiver.start()
    sender.half.wait()
    collector.stop()
    collector.start()
    sender.join()
    collector.stop()
    assert len(sender.taken) == CALLS
    with ingested(receiver, torn=kills) as store:
        captured = store.status().captured
    assert CALLS - BATCH * collector.given_up() <= captured <= CALLS


@pytest.mark.slow
def test_content_in_logs_finds_its_calls_although_the_receiver_is_killed_in_between(
    receiver: Receiver, collector: Collector
) -> None:
    found = records(EVENTS)
    spans, logs = ([r for r in found if kind in r] for kind in ("resourceSpans", "resourceLogs"))
    receiver.start()
    collector.start()
    for request in spans:
        take(collector.traces, to_protobuf(request))
    until(lambda: len(arrived(receiver)) == len(spans))
    receiver.kill()
    for request in logs:
        take(collector.logs, to_protobuf(request))
    time.sleep(0.5)  # it tries, and nobody is there
    receiver.start()
    collector.stop()
    assert collector.given_up() == 0
    with ingested(receiver) as store:
        traces = [store.trace(one) for one in {span.trace_id for span in spans_of(EVENTS)}]
        calls = sorted((c for t in traces for c in t.calls), key=lambda call: call.start_ns)
        written = sorted(calls_of(EVENTS), key=lambda call: call.start_ns)
        assert [row_of(call) for call in calls] == [row_of(call) for call in written]
        assert any(call.answer for call in calls)


def test_our_own_late_spans_in_its_stream_are_no_calls(
    receiver: Receiver, collector: Collector
) -> None:
    trace = sample_trace()
    [call] = trace.calls
    ids = {"trace_id": trace.trace_id, "parent_id": call.span_id}
    late = late_explanation().model_copy(update=ids)
    receiver.start()
    collector.start()
    for spans in (trace.spans, [late]):
        request = to_protobuf(spans_to_otlp(spans))
        assert post(collector.traces, request, PROTOBUF).status == 200
    collector.stop()
    with ingested(receiver) as store:
        kept = store.trace(trace.trace_id)
    assert [span.span_id for span in kept.spans] == [span.span_id for span in trace.spans]
    assert [(one.id, one.answer) for one in kept.calls] == [(call.id, call.answer)]
