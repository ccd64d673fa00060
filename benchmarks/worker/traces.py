"""100,000 captured traces: into the store, counted, and on to a real MLflow server.

`python -m benchmarks.worker.traces` (variables `TRACES`, `DELIVERED`). The spool is written by
the real capture side: each trace is a decorated function around a decorated call with a
`Prompt` of some 240 characters. Reading, deciding, counting and delivering are
timed one after the other in one process, whose memory is sampled all along. MLflow gets blocks
in turns: from the delivery worker, and bare ones, encoded before, of as many like traces.
"""

import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRACES, DELIVERED = (
    int(os.environ.get(n, d)) for n, d in (("TRACES", "100000"), ("DELIVERED", "5000"))
)
WRITERS = 4
BLOCK = 10
"""Batches in one block of deliveries."""
TEXT = "The quick brown fox - jumps over the lazy dog (twice, as it likes to); and then, it rests. "


def capture(writer: int, traces: int) -> None:
    """Call decorated functions, as an application does; `SMILE_TRACE_HOME` says where to."""
    import smile_trace

    prompts = [
        smile_trace.Prompt("answer", version=str(v), template="You are terse. {tone}\n{question}")
        for v in range(1, 6)
    ]

    @smile_trace.trace(model="gpt-4o-mini")
    def ask(prompt: str) -> str:
        return "It is a fox, and what it jumps over is a dog that is too lazy to care about it."

    @smile_trace.trace
    def answer(number: int) -> str:
        question = f"{writer}/{number}: {TEXT * 3}"[:200]
        return ask(prompts[number % 5].format(tone="Be kind.", question=question))

    for number in range(traces):
        answer(number)


@contextmanager
def sampling(seconds: float = 0.2) -> Iterator[list[float]]:
    """Resident memory of this process in MB, every so often."""
    import psutil

    memory, ended, found = psutil.Process().memory_info, threading.Event(), list[float]()

    def sample() -> None:
        while not ended.wait(seconds):
            found.append(memory().rss / 1e6)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds by the clock, and of processor."""
    began, used = time.monotonic(), time.process_time()
    work()
    return {"seconds": time.monotonic() - began, "cpu": time.process_time() - used}


def measure(home: str, uri: str) -> dict[str, Any]:
    """Everything, in this process."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.worker.delivery.delivery_worker import DeliveryWorker
    from smile_trace.worker.delivery.turns import TRACES as BATCH
    from smile_trace.worker.ingest import Ingest, Ingested
    from smile_trace.worker.sample import sample
    from smile_trace_mlflow import MLflowTracker

    settings = Settings(home=Path(home), sampling={"rate": 0.01})
    with Store.open(settings) as store:
        tracker = MLflowTracker.from_settings({"tracking_uri": uri, "experiment": "benchmark"})
        assert tracker is not None
        tracker.check()
        found: dict[str, Any] = {}
        with sampling() as memory:
            counts: list[Ingested] = []
            took = timed(lambda: counts.append(Ingest(store, settings).run()))
            [ingested] = counts
            found["ingest"] = {
                **took,
                "spans": ingested.spans,
                "traces": ingested.traces,
                "spans_per_second": ingested.spans / took["seconds"],
                "spans_per_cpu_second": ingested.spans / took["cpu"],
            }
            found["sample"] = timed(lambda: sample(store, settings))
            delivery_worker = DeliveryWorker(tracker, store, settings)
            found["fill"] = timed(lambda: store.outbox.fill(delivery_worker.name, now=time.time()))
            blocks = max(1, DELIVERED // (BATCH * BLOCK))
            found["deliver"] = deliver(delivery_worker, store, uri, tracker, blocks, BATCH)
        found["status"] = timed(store.status)
        found["store_mb"] = sum(p.stat().st_size for p in Path(home).glob("store.db*")) / 1e6
    tenth = max(1, len(memory) // 10)
    found["memory"] = {
        "peak_mb": max(memory),
        "after_a_tenth_mb": memory[tenth],
        "end_mb": memory[-1],
        "kernel_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }
    return found


def deliver(
    delivery_worker: Any, store: Any, uri: str, tracker: Any, blocks: int, batch: int
) -> dict[str, Any]:
    """Blocks of batches in turns: the delivery worker's, and bare ones."""
    import requests

    bodies = bare_bodies(store, blocks * BLOCK, batch)
    experiment = tracker._server.experiment_id
    headers = {"Content-Type": "application/json", "x-mlflow-experiment-id": experiment}
    session = requests.Session()

    def send(block: int) -> None:
        for body in bodies[block * BLOCK : (block + 1) * BLOCK]:
            session.post(f"{uri}/v1/traces", data=body, headers=headers).raise_for_status()

    taken, deliver_traces = 0, tracker.deliver_traces

    def counting(items: Sequence[Any]) -> Any:
        nonlocal taken
        taken += len(items)
        return deliver_traces(items)

    tracker.deliver_traces = counting

    def through(block: int) -> None:
        until = taken + BLOCK * batch
        assert delivery_worker.run(lambda: taken >= until).traces == BLOCK * batch

    through(-1)  # connections, the experiment, what is imported late
    own, bare = [], []
    for block in range(blocks):
        pair = [(own, through), (bare, send)]
        random.Random(block).shuffle(pair)
        for times, work in pair:
            times.append(timed(lambda work=work, block=block: work(block)))  # type: ignore[misc]
    traces = blocks * BLOCK * batch
    rates = {
        name: traces / sum(t["seconds"] for t in times)
        for name, times in (("delivery_worker", own), ("bare", bare))
    }
    return {
        "traces": traces,
        "batch": batch,
        "worker_per_second": rates["delivery_worker"],
        "bare_per_second": rates["bare"],
        "ratio": rates["delivery_worker"] / rates["bare"],
        "worker_cpu_ms_per_trace": sum(t["cpu"] for t in own) / traces * 1e3,
        "bare_cpu_ms_per_trace": sum(t["cpu"] for t in bare) / traces * 1e3,
    }


def bare_bodies(store: Any, batches: int, batch: int) -> list[bytes]:
    """Bodies as the tracker makes them, of traces from the other end of the outbox, as new ones."""
    from sqlalchemy import select

    from smile_trace.store.tables import traces
    from smile_trace_mlflow.spans import spans_for_mlflow
    from tests.support.otlp_json import spans_to_otlp

    query = select(traces.c.trace_id).order_by(traces.c.position.desc()).limit(batches * batch)
    with store.database.read() as connection:
        ids = list(connection.execute(query).scalars())
    bodies = []
    for start in range(0, len(ids), batch):
        spans = [
            span.model_copy(update={"trace_id": f"bare{span.trace_id[4:]}".replace("r", "d")})
            for trace in store.trace_many(ids[start : start + batch])
            for span in spans_for_mlflow(trace)
        ]
        bodies.append(json.dumps(spans_to_otlp(spans), ensure_ascii=False).encode())
    return bodies


def command_seconds(home: str) -> float:
    """What `smile-trace status` takes, its start included."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "smile_trace", "status", "--json"],
        env={**os.environ, "SMILE_TRACE_HOME": home},
        check=True,
        capture_output=True,
    )
    return time.monotonic() - began


def main() -> None:
    """Prints one JSON object."""
    from tests.support.mlflow_server import OwnMLflowServer

    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        os.environ["SMILE_TRACE_HOME"] = str(home)
        with spawn.Pool(WRITERS) as pool:
            each = TRACES // WRITERS
            pool.starmap(capture, [(w, each) for w in range(WRITERS)], chunksize=1)
        server = OwnMLflowServer(Path(folder))
        server.start()
        try:
            with spawn.Pool(1) as pool:
                found = pool.apply(measure, (str(home), server.uri))
        finally:
            server.stop()
        found["status_command_seconds"] = min(command_seconds(str(home)) for _ in range(3))
    print(json.dumps({"traces": found}))


if __name__ == "__main__":
    main()
