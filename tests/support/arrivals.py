"""Recorded spans and logs as they may arrive: in any order, in any batches, again, with looks of
the worker in between."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from smile_trace.records import Call, Trace
from smile_trace.settings import Settings
from smile_trace.sources.receiver import json_requests, protobuf
from smile_trace.sources.receiver.lines import Received
from smile_trace.spool import RECEIVED_SUFFIX
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from tests.support.otlp_requests import to_protobuf
from tests.support.recorded_calls import FOLDER

SILENCE = 60.0
"""Seconds after which a trace without a root is complete."""
_LEVELS = {
    "resourceSpans": ("scopeSpans", "spans"),
    "resourceLogs": ("scopeLogs", "logRecords"),
}

Document = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Records that arrive together, and what the worker does afterwards.

    `way`: as a request (protobuf, JSON) to a receiver, or in a Collector's file. `seconds` pass,
    and it looks, or does not.
    """

    records: tuple[int, ...]
    way: str = "protobuf"
    looks: bool = False
    seconds: float = 1.0


@cache
def records(name: str) -> tuple[Document, ...]:
    """Every span and every log of a recording, as a request of its own."""
    paths = (FOLDER / f"{name}.logs.jsonl", FOLDER / f"{name}.jsonl")
    lines = [line for path in paths if path.exists() for line in path.read_bytes().splitlines()]
    return tuple(one for line in lines for one in _single(json.loads(line)))


def _single(request: Document) -> Iterator[Document]:
    [(kind, (scopes, items))] = [(k, v) for k, v in _LEVELS.items() if k in request]
    for block in request[kind]:
        for group in block[scopes]:
            for item in group[items]:
                yield {kind: [block | {scopes: [group | {items: [item]}]}]}


def together(found: Sequence[Document]) -> list[Document]:
    """As few requests as may hold them: spans and logs never come in one."""
    joined = ({k: [b for d in found for b in d.get(k, ())]} for k in _LEVELS)
    return [request for request in joined if any(request.values())]


@st.composite
def any_arrival(draw: st.DrawFn, count: int) -> list[Batch]:
    """A history in which each of `count` records arrives once at least."""
    again = draw(st.lists(st.integers(0, count - 1), max_size=count // 3))
    order = draw(st.permutations([*range(count), *again]))
    cuts = draw(st.sets(st.integers(1, len(order) - 1), max_size=8)) if len(order) > 1 else set()
    edges = [0, *sorted(cuts), len(order)]
    return [
        Batch(
            tuple(order[start:end]),
            way=draw(st.sampled_from(("protobuf", "json", "file"))),
            looks=draw(st.booleans()),
            seconds=draw(st.sampled_from((1.0, 2 * SILENCE))),
        )
        for start, end in pairwise(edges)
    ]


@dataclass
class Read:
    """What a store holds in the end."""

    traces: list[Trace]
    calls: list[Call]
    decisions: dict[str, tuple[str, str | None]]


class Arriving:
    """A home at which records arrive, and its worker, by a clock of their own."""

    def __init__(self, home: Path) -> None:
        self._collected = home / "collector.jsonl"
        tables: dict[str, Any] = {
            "models": {"*": {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}},
            "sampling": {"rate": 1.0},
            "sources": {"files": {"paths": [str(self._collected)]}},
            "worker": {"trace_silence_seconds": SILENCE},
        }
        self._settings = Settings(home=home, **tables)
        self._now = 1_000_000.0
        self._number = 0
        self._store = Store.open(self._settings)
        self._ingest = Ingest(self._store, self._settings, clock=lambda: self._now)

    def arrive(self, found: Sequence[Document], batch: Batch) -> None:
        """Let a batch arrive."""
        for request in together([found[number] for number in batch.records]):
            if batch.way == "file":
                with self._collected.open("ab") as stream:
                    stream.write(json.dumps(request).encode() + b"\n")
                continue
            received = _receive(request, batch.way)
            assert not received.rejected, received.reason
            self._settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._number += 1
            file = self._settings.spool / f"{self._number:04}{RECEIVED_SUFFIX}"
            file.touch(mode=0o600)
            file.write_bytes(received.text)
        self._now += batch.seconds
        if batch.looks:
            self.look()

    def look(self) -> None:
        """One pass of the worker."""
        assert self._ingest.run().corrupt == 0
        sample(self._store, self._settings, clock=lambda: self._now)

    def end(self) -> Read:
        """What is there when nothing more comes."""
        self.look()
        self._now += 2 * SILENCE
        self.look()
        store = self._store
        ids = sorted(call_id for call_id in store.traces.find_calls(""))
        calls = [call for one in ids if (call := store.traces.call(one)) is not None]
        with store.database.read() as connection:
            found = connection.exec_driver_sql("SELECT trace_id FROM traces ORDER BY trace_id")
            traces = [store.trace(row[0]) for row in found if _is_read(connection, row[0])]
            rows = connection.exec_driver_sql("SELECT call_id, state, reason FROM jobs")
            decisions = {row[0]: (row[1], row[2]) for row in rows}
        store.close()
        return Read(traces, calls, decisions)


def _receive(request: Document, way: str) -> Received:
    spans = "resourceSpans" in request
    if way == "json":
        read = json_requests.read_traces if spans else json_requests.read_logs
        return read(json.dumps(request).encode())
    read = protobuf.read_traces if spans else protobuf.read_logs
    return read(to_protobuf(request))


def _is_read(connection: Any, trace_id: str) -> bool:
    query = "SELECT position FROM traces WHERE trace_id = ?"
    return connection.exec_driver_sql(query, (trace_id,)).scalar() is not None
