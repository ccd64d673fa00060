"""Many processes at once into one spool: is anything lost, and what does a call cost then?

`python -m benchmarks.capture.load` (8 processes × 250 calls a second for a minute; variables
`PROCESSES`, `RATE`, `DURATION`). Every call has a prompt of its own; what stands in the spool
afterwards is compared with what was called.
"""

import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.capture.subjects import smile_trace

PROCESSES, RATE, SECONDS = (
    int(os.environ.get(name, default))
    for name, default in (("PROCESSES", "8"), ("RATE", "250"), ("DURATION", "60"))
)
TEXT = "The quick brown fox - jumps over the lazy dog (twice, as it likes to); and then, it rests. "


def prompt(process: int, number: int) -> str:
    """One of its kind, of about 240 characters."""
    return f"{process}/{number}: {TEXT * 3}"[:240]


def work(process: int) -> list[int]:
    """Calls at the rate, by the clock (a late call does not delay the next); nanoseconds each."""
    ask = smile_trace()
    times = []
    began = time.monotonic()
    for number in range(RATE * SECONDS):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        start = time.perf_counter_ns()
        ask(prompt(process, number))
        times.append(time.perf_counter_ns() - start)
    return times


def spooled(folder: Path) -> list[str]:
    """The prompt of every record in the spool."""
    from smile_trace.dialects import read_calls
    from smile_trace.records.formats.otlp import spans_from_line

    return [
        call.messages[0].content
        for path in folder.glob("*.jsonl")
        for line in path.read_bytes().splitlines()
        for call in read_calls(spans_from_line(line))
    ]


def main() -> None:
    """Runs the processes, compares, and prints one JSON object."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["SMILE_TRACE_HOME"] = home
        began = time.monotonic()
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            times = [t for found in pool.map(work, range(PROCESSES), chunksize=1) for t in found]
        took = time.monotonic() - began
        kept = spooled(Path(home) / "spool")
    called = {prompt(p, n) for p in range(PROCESSES) for n in range(RATE * SECONDS)}
    cuts = statistics.quantiles(times, n=100)
    figures = {
        "machine": f"Python {platform.python_version()}, {os.cpu_count()} cores",
        "seconds": round(took, 1),
        "calls": len(times),
        "missing": len(called - set(kept)),
        "twice": len(kept) - len(set(kept)),
        "p50_us": round(cuts[49] / 1e3, 1),
        "p99_us": round(cuts[98] / 1e3, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
