"""A Collector between applications and the receiver: batches, retries, restarts of both."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smile_trace.records.otlp import spans_to_otlp
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.testing.samples import sample_explanation, sample_trace
from smile_trace.trackers import ExplainedCall
from smile_trace.trackers.late_span import Parent
from smile_trace.worker.ingest import Ingest
from smile_trace_mlflow.spans import explanation_span
from tests.support.collector import BATCH, Collector, agent
from tests.support.otlp_requests import request_of, to_protobuf
from tests.support.receiver_process import PROTOBUF, Receiver, post

pytestmark = pytest.mark.skipif(agent() is None, reason="rotel is not installed")

CALLS = 600
EACH = 10


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
def ingested(receiver: Receiver) -> Iterator[Store]:
    """The store, once a worker has read the spool."""
    settings = Settings(home=receiver.home)
    store = Store.open(settings)
    try:
        assert Ingest(store, settings).run().corrupt == 0
        yield store
    finally:
        store.close()


@pytest.mark.slow  # what it waits before it tries again
def test_nothing_it_took_is_lost_and_nothing_is_kept_twice(
    receiver: Receiver, collector: Collector
) -> None:
    receiver.start()
    collector.start()
    taken: set[int] = set()
    half = threading.Event()

    def send() -> None:
        for first in range(1, CALLS, EACH):
            numbers = range(first, first + EACH)
            while True:  # as an SDK's exporter, where the Collector itself is away
                try:
                    status = post(collector.traces, request_of(*numbers), PROTOBUF).status
                except OSError:
                    status = 0
                if status == 200:
                    break
                time.sleep(0.05)
            taken.update(numbers)
            if first > CALLS // 2:
                half.set()
            time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(0.5)
    receiver.stop()  # the Collector tries again until there is another
    time.sleep(0.7)
    receiver.start()
    half.wait()
    collector.stop()
    collector.start()
    sender.join()
    collector.stop()
    assert len(taken) == CALLS
    with ingested(receiver) as store:
        captured = store.status().captured
    # It gives a batch up whose connection is reset while it waits for the answer, and says so.
    assert CALLS - BATCH * collector.given_up() <= captured <= CALLS


def test_our_own_late_spans_in_its_stream_are_no_calls(
    receiver: Receiver, collector: Collector
) -> None:
    trace = sample_trace()
    [call] = trace.calls
    item = ExplainedCall(trace=trace, call=call, explanation=sample_explanation(call), traced_as="")
    under = Parent(trace.trace_id, call.span_id, call.start_ns, call.end_ns)
    late = explanation_span(item, under, {})
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
