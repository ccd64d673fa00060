"""A Collector between applications and the receiver: batches, retries, restarts of both."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.collector import Collector, agent
from tests.support.otlp_requests import request_of, spans_of
from tests.support.receiver_process import PROTOBUF, Receiver, post
from tests.support.spooled import trace_id

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
    receiver.kill()  # the Collector tries again until there is another
    time.sleep(0.7)
    receiver.start()
    half.wait()
    collector.stop()
    collector.start()
    sender.join()
    collector.stop()
    assert len(taken) == CALLS
    spooled = Counter(span.trace_id for span in spans_of(receiver.spooled()))
    assert {trace_id(number) for number in taken} <= spooled.keys()
    settings = Settings(home=receiver.home)
    store = Store.open(settings)
    try:
        assert Ingest(store, settings).run().corrupt == 0
        assert store.status().captured == CALLS
    finally:
        store.close()
