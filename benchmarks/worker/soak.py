"""Does a worker at its limit keep its books? `make soak` (`MINUTES`, by default 60).

First a burst of captured traces, which the worker reads, samples and delivers as fast as it goes:
that is its limit here and now. Then traces of two spans come into its spool at 80 % of it; of the
calls it explains one in 2,000 with a planted HTTP model, and everything goes to a backend that
counts each span. The worker is `smile-trace worker`, on one processor with all of its parts. The
store grows by some 4 KB a trace.

In the end every trace has to be there once and nothing may wait, the ledger has to agree with the
model, and what is memory or a queue must not have grown. Exits with 1 where it is otherwise. Writes
`benchmarks/worker/results/soak.json`.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request
from tests.support.planted import serving
from tests.support.spooled import START, call_span, context_span, line, span_id, trace_id

ROOT, RESULT = Path(__file__).parents[2], Path(__file__).parent / "results/soak.json"
MINUTES = float(os.environ.get("MINUTES", "60"))
BURST = 20_000
"""Traces by which the limit is measured."""
SHARE = 0.8
CALL, AROUND = 1, 9
"""The numbers of a trace's spans."""
TOML = """
[models."planted"]
kind = "endpoint"
base_url = "{model}"
temperature_zero_is_deterministic = true

[sampling]
rate = 0.0005

[budget]
calls_per_day = "none"
usd_per_day = "none"
usd_per_explanation = "none"

[trackers.otlp]
endpoint = "{backend}"
"""


WORD = "refund"


class Backend(FakeHttpServer):
    """Counts how often it got each span of a trace, and remembers nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self._times = bytearray()  # by trace and span: millions of them
        self._explanations = Counter[bytes]()
        self._spans = 0

    def handle(self, request: Request) -> Answer:
        """Count what is in it."""
        read = ExportTraceServiceRequest()
        read.ParseFromString(request.raw)
        with self._lock:
            for resource in read.resource_spans:
                for span in (one for scope in resource.scope_spans for one in scope.spans):
                    number, place = (int.from_bytes(i) for i in (span.trace_id, span.span_id))
                    if place in (CALL, AROUND):
                        self._note(2 * number + (place == CALL))
                    else:
                        self._explanations[span.span_id] += 1
        reply = ExportTraceServiceResponse().SerializeToString()
        return Answer(200, reply, {}, "application/x-protobuf")

    def counts(self) -> tuple[int, int, int]:
        """Distinct spans, explanations, and how often one came at most."""
        most = max(max(self._times, default=0), max(self._explanations.values(), default=0))
        return self._spans, len(self._explanations), most

    def _note(self, place: int) -> None:
        if place >= len(self._times):
            self._times.extend(bytes(place + 1_000_000 - len(self._times)))
        self._spans += not self._times[place]
        self._times[place] = min(255, self._times[place] + 1)


def said(prompt: str) -> str:
    """The planted answer: all of it depends on one word."""
    return "your money comes back today" if WORD in prompt else "hello there, good morning"


def backend(ours: Connection) -> None:
    """The backend in a process of its own, which says what it has when asked."""
    with Backend() as server:
        ours.send(server.url)
        while ours.recv():
            ours.send(server.counts())


def model(ours: Connection) -> None:
    """The planted model in a process of its own, which says how often it was asked."""
    with serving(said) as server:
        ours.send(server.base_url)
        while ours.recv():
            ours.send(len(server.received))


def write(folder: Path, numbers: range) -> None:
    """Traces with these numbers as a spool file whose writer is gone."""
    prompt = "I am customer 00000000, when do I get my refund?"
    call = call_span(
        0, span=CALL, parent=span_id(AROUND), prompt=prompt, answer=said(prompt), temperature=0.0
    )
    both = line(context_span(0, span=AROUND), call)
    draft, now = folder / f".{numbers[0]}.draft", time.time_ns() // 1000
    with draft.open("wb") as stream:
        for number in numbers:
            own = both.replace(trace_id(0).encode(), trace_id(number).encode())
            own = own.replace(b"00000000,", b"%08d," % number)
            now += 1
            for early in (0, 1):  # a trace begins .1 µs before its call
                own = own.replace(b"%d" % (START // 1000 - early), b"%d" % (now - early))
            stream.write(own)
    draft.rename(folder / f"process-{numbers[0]}.jsonl")


def python_path() -> str:
    """This checkout's packages, also where another one is installed."""
    return os.pathsep.join(map(str, (ROOT, ROOT / "integrations")))


class Run:
    """A worker between a spool, a model and a backend."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.spool = self.home / "spool"
        self.spool.mkdir(parents=True, mode=0o700)
        self.home.chmod(0o700)
        self.written = 0
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        for serve in (backend, model):
            pipe, theirs = context.Pipe()
            context.Process(target=serve, args=(theirs,), daemon=True).start()
            self._pipes.append(pipe)
        urls = dict(zip(("backend", "model"), (pipe.recv() for pipe in self._pipes), strict=True))
        (self.home / "smile_trace.toml").write_text(TOML.format(**urls))
        self._environment = {
            **os.environ,
            "SMILE_TRACE_HOME": str(self.home),
            "PYTHONPATH": python_path(),
        }
        command = [sys.executable, "-m", "smile_trace", "worker"]
        with (folder / "worker.log").open("wb") as log:
            self.worker = subprocess.Popen(
                command, cwd=self.home, env=self._environment, stderr=log
            )
        os.sched_setaffinity(self.worker.pid, {max(os.sched_getaffinity(0))})

    def ask(self) -> tuple[tuple[int, int, int], int]:
        """Spans and explanations at the backend, how often one came at most; and requests to the
        model."""
        for pipe in self._pipes:
            pipe.send(True)
        counted, asked = (pipe.recv() for pipe in self._pipes)
        return counted, asked

    def come(self, number: int) -> None:
        """So many traces more are captured."""
        write(self.spool, range(self.written + 1, self.written + number + 1))
        self.written += number

    def waiting(self) -> int:
        """Traces that were captured and are not at the backend."""
        return self.written - self.ask()[0][0] // 2

    def until_nothing_waits(self, seconds: float) -> float:
        """How long that took; raises TimeoutError after so many seconds."""
        began = time.monotonic()
        while self.waiting():
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{self.waiting()} traces are not delivered")
            time.sleep(0.2)
        return time.monotonic() - began

    def close(self) -> None:
        """End everything."""
        self.worker.kill()
        for pipe in self._pipes:
            pipe.send(False)

    def status(self) -> dict[str, Any]:
        """`smile-trace status`."""
        command = [sys.executable, "-m", "smile_trace", "status", "--json"]
        done = subprocess.run(
            command, env=self._environment, cwd=self.home, check=True, capture_output=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def run(folder: Path, minutes: float) -> dict[str, Any]:
    """The whole run: its rate, what was counted where, and the trends after a quarter of it."""
    one = Run(folder)
    try:
        one.come(100)
        one.until_nothing_waits(120)  # it has started
        one.come(BURST)
        limit = BURST / one.until_nothing_waits(600)
        times, rows = paced(one, limit * SHARE, minutes * 60)
        one.until_nothing_waits(120)
        while (status := one.status())["pending"] + status["running"]:
            time.sleep(1)
        time.sleep(10)  # what was explained last is delivered
        status, (counted, asked) = one.status(), one.ask()
        one.worker.send_signal(signal.SIGTERM)
        code = one.worker.wait(60)
    finally:
        one.close()
    return {
        "minutes": minutes,
        "limit_traces_per_second": round(limit),
        "written": one.written,
        "stored": stored(one.home),
        "delivered": counted[0] / 2,
        "came_at_most": counted[2],
        "explained": status["explained"],
        "failed": status["failed"],
        "explanations_delivered": counted[1],
        "ledger": status["spent"]["calls"],
        "asked": asked,
        "exit_code": code,
        "trends": {name: trend(times, [row[name] for row in rows]) for name in rows[0]},
    }


def paced(one: Run, rate: float, seconds: float) -> tuple[list[float], list[dict[str, float]]]:
    """Traces at that rate for so long, half a second's at once; what was seen every five
    seconds."""
    began, first = time.monotonic(), one.written
    times: list[float] = []
    rows: list[dict[str, float]] = []
    while (now := time.monotonic() - began) < seconds:
        if due := int(now * rate) - (one.written - first):
            one.come(due)
        if not times or now - times[-1] >= 5:
            times.append(now)
            seen = sample(psutil.Process(one.worker.pid), one.home)
            rows.append({**seen, "waiting": one.waiting()})
        time.sleep(0.5)
    return times, rows


def sample(worker: psutil.Process, home: Path) -> dict[str, float]:
    """How the worker and its home stand."""
    sizes: dict[str, int] = {}
    for path in home.rglob("*"):
        with suppress(FileNotFoundError):  # a spool file may go in between
            if path.is_file():
                sizes[str(path.relative_to(home))] = path.stat().st_size
    spool = sum(size for name, size in sizes.items() if name.startswith("spool/"))
    store = sizes.get("store.db", 0)
    with worker.oneshot():
        return {
            "memory_mb": worker.memory_info().rss / 1e6,
            "threads": worker.num_threads(),
            "descriptors": worker.num_fds(),
            "files": len(sizes),
            "spool_mb": spool / 1e6,
            "journals_mb": (sum(sizes.values()) - spool - store) / 1e6,
            "store_mb": store / 1e6,
        }


def trend(times: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """A line through what came after the first quarter: its rise per hour, and the extremes."""
    later = np.array(times) > times[-1] / 4
    t, v = np.array(times)[later], np.array(values)[later]
    return {
        "per_hour": round(float(np.polyfit(t / 3600, v, 1)[0]), 3),
        "least": round(float(v.min()), 3),
        "median": round(float(np.median(v)), 3),
        "most": round(float(v.max()), 3),
    }


def stored(home: Path) -> int:
    """Traces in the store, counted one by one."""
    import sqlite3

    with sqlite3.connect(home / "store.db") as connection:
        return int(connection.execute("SELECT count(*) FROM traces").fetchone()[0])


def faults(found: dict[str, Any]) -> list[str]:
    """What the books do not agree on, and what grew."""
    hours = found["minutes"] / 60
    checks = {
        "a trace is not in the store, or twice": found["stored"] == found["written"],
        "a trace is not at the backend": found["delivered"] == found["written"],
        "something came twice": found["came_at_most"] == 1,
        "an explanation is not at the backend": found["explanations_delivered"]
        == found["explained"],
        "a call was not explained": not found["failed"] and found["explained"] > 0,
        "the ledger differs from the model's count": found["ledger"] == found["asked"],
        "the worker ended otherwise than told": found["exit_code"] == 0,
        "what waits grows": found["trends"]["waiting"]["per_hour"] * hours < BURST / 10,
        "memory grows": found["trends"]["memory_mb"]["per_hour"] * hours < 50,
    }
    return [fault for fault, right in checks.items() if not right]


def main() -> int:
    """Run, print what was found, say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), MINUTES)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    wrong = faults(found)
    print("\n".join(wrong) or "the books balance")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
