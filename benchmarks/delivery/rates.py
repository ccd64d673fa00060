"""Traces a second through the delivery worker, beside the same requests sent bare.

What the tracker sends is recorded once, by a proxy; blocks of deliveries and the recorded
requests then take turns, in an order that is drawn for each pair. The bare ones are sent with as
many at once as the tracker had.
"""

import gzip
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import httpx

from benchmarks.delivery.servers import REAL, trackers
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.delivery.delivery_worker import DeliveryWorker
from smile_trace.worker.delivery.turns import TRACES as BATCH
from smile_trace.worker.run import switching_soon
from smile_trace_contracts.fake_http_server import Answer, Request
from tests.support.phoenix_server import wait_until_written
from tests.support.reverse_proxy import ReverseProxy

Ids = Sequence[str]
"""The id of a trace, and those of its spans: Phoenix writes no span whose id it has."""
_OF_THE_CONNECTION = {"host", "content-length", "connection"}


@dataclass(frozen=True)
class Bare:
    """One request as it was sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    packed: bool
    """By gzip."""

    def of_others(self, traces: Sequence[Ids], block: int) -> "Bare":
        """The same about as many other traces: what a server has, it takes faster."""
        body = gzip.decompress(self.body) if self.packed else self.body
        for known in chain(*traces):
            other = f"{block:08x}{known[8:]}"
            body = body.replace(known.encode(), other.encode())
            body = body.replace(bytes.fromhex(known), bytes.fromhex(other))
        return replace(self, body=gzip.compress(body) if self.packed else body)


def bare(request: Request) -> Bare:
    """What a proxy noted, to be sent again."""
    kept = {n: v for n, v in request.headers.items() if n.lower() not in _OF_THE_CONNECTION}
    packed = any(n.lower() == "content-encoding" for n in kept)
    body = gzip.compress(request.raw) if packed else request.raw
    return Bare(request.method, request.target, kept, body, packed)


class Recorder(ReverseProxy):
    """A proxy that passes requests on as they come, also several at once."""

    def handle(self, request: Request) -> Answer | None:
        """See `FakeHttpServer`."""
        with self._lock:
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            return self.answer(request)
        finally:
            with self._lock:
                self._in_flight -= 1


class Deliveries:
    """One tracker's deliveries out of a store, a number of traces at a time."""

    def __init__(self, name: str, url: str, home: Path) -> None:
        settings = Settings(home=home)
        self._store = Store.open(settings)
        [self._tracker] = [t for t in trackers({name: url}, home.parent) if t.name == name]
        self._worker = DeliveryWorker(self._tracker, self._store, settings)
        self._taken: list[Ids] = []
        self._arrivals: list[float] = []
        prepare = self._tracker.prepare_traces

        def noting(items: Sequence[Any]) -> Any:
            deliver = prepare(items)

            def noted() -> Any:
                self._taken += [
                    (item.trace.trace_id, *(span.span_id for span in item.trace.spans))
                    for item in items
                ]
                outcomes = deliver()
                self._arrivals.append(time.monotonic())
                return outcomes

            return noted

        self._tracker.prepare_traces = noting  # type: ignore[method-assign]

    def deliver(self, count: int) -> list[Ids]:
        """The next so many traces, a multiple of a batch; their ids."""
        self._taken.clear()
        self._arrivals.clear()
        done = self._worker.run(lambda: len(self._taken) >= count)
        assert done.traces == count, done
        return list(self._taken)

    def seconds(self, count: int) -> float:
        """How long as many take one after the other: from the first batch's arrival, before which
        it was read, to the last one's."""
        self.deliver(count + BATCH)
        return self._arrivals[-1] - self._arrivals[0]

    def close(self) -> None:
        """Close the tracker's connections and the store."""
        self._tracker.close()
        self._store.close()


def record(name: str, url: str, home: Path, count: int) -> list[Ids]:
    """In a process of its own: deliver through the proxy at `url`."""
    deliveries = Deliveries(name, url, home)
    deliveries.deliver(BATCH)  # what is asked once: the version, the project
    ids = deliveries.deliver(count)
    deliveries.close()
    return ids


def measure(
    name: str, url: str, home: Path, recorded: Sequence[Bare], ids: Sequence[Ids], blocks: int,
    at_once: int,
) -> dict[str, Any]:  # fmt: skip
    """In a process of its own: blocks in turns."""
    deliveries, count = Deliveries(name, url, home), len(ids)
    with (
        switching_soon(),
        httpx.Client(timeout=60) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):

        def send(one: Bare) -> None:
            address = url + one.target
            answer = client.request(one.method, address, headers=one.headers, content=one.body)
            assert answer.is_success, (one.method, address, answer.status_code)

        deliveries.deliver(BATCH)
        send(recorded[0])
        own, others = list[float](), list[float]()
        for block in range(blocks):
            again = [o.of_others(ids, block) if name in REAL else o for o in recorded]

            def sent(again: Sequence[Bare] = again) -> float:
                began = time.monotonic()
                list(pool.map(send, again))
                return time.monotonic() - began

            pair: list[tuple[list[float], Callable[[], float]]] = [
                (own, lambda: deliveries.seconds(count)),
                (others, sent),
            ]
            random.Random(block).shuffle(pair)
            for times, work in pair:
                if name == "phoenix":  # its queue is of so many spans, whoever sent them
                    wait_until_written(url)
                times.append(work())
    deliveries.close()
    traces = blocks * count
    return {
        "tracker": name,
        "traces": traces,
        "requests_per_trace": len(recorded) / count,
        "at_once": at_once,
        "per_second": traces / sum(own),
        "bare_per_second": traces / sum(others),
        "ratio": sum(others) / sum(own),
    }
