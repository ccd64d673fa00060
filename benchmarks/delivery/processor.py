"""What a batch of traces takes of the processor before it is sent, step by step.

`python -m benchmarks.delivery.processor`: the least of five, in milliseconds. What the worker reads
is read while the batch before is on its way; what a tracker writes stands between two requests.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.delivery.__main__ import filled
from smile_trace.records.formats.otlp import spans_to_otlp
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers.otlp import to_request
from smile_trace.worker.delivery.turns import LIMITS, TRACES
from smile_trace_langfuse.spans import spans_for_langfuse
from smile_trace_mlflow.spans import spans_for_mlflow
from smile_trace_phoenix.spans import spans_for_phoenix


def least(work: Callable[[], Any]) -> float:
    """Milliseconds of processor that it takes, the least of five times."""
    took = []
    for _ in range(5):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return 1000 * min(took)


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        filled(home, 2 * TRACES)
        with Store.open(Settings(home=home)) as store:
            outbox, now = store.outbox, time.time()
            outbox.fill("mlflow", now=now)
            due = [one.item for one in outbox.due("mlflow", LIMITS, now=now)["trace"]]
            traces = store.trace_many(due)
            steps: dict[str, Callable[[], Any]] = {
                "queue what is new": lambda: outbox.fill("mlflow", now=now),
                "ask what is due": lambda: outbox.due("mlflow", LIMITS, now=now),
                "read the traces": lambda: store.trace_many(due),
                "write for MLflow": lambda: json.dumps(
                    spans_to_otlp([s for t in traces for s in spans_for_mlflow(t)])
                ),
                "write for Phoenix": lambda: to_request(
                    [s for t in traces for s in spans_for_phoenix(t, "p")]
                ),
                "write for Langfuse": lambda: to_request(
                    [s for t in traces for s in spans_for_langfuse(t)]
                ),
                "write for OTLP": lambda: to_request([s for t in traces for s in t.spans]),
            }
            print(f"| of {TRACES} traces | ms |\n|---|---|")
            for name, work in steps.items():
                print(f"| {name} | {least(work):.1f} |", flush=True)


if __name__ == "__main__":
    main()
