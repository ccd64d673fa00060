"""10,000 traces to a Comet that answers in 20 ms: how fast, and in how much memory.

Run by `make bench-comet`. The fake server runs in its own process, so that the memory measured is
the tracker's alone. Exit code 1 where the promise (50 traces a second, steady memory) is broken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

PROMISED_PER_SECOND = 50.0
PROMISED_GROWTH_MB = 30.0
"""Between the first tenth of the traces, when everything is loaded and warm, and the end."""
BATCH = 50


def main() -> int:
    """Deliver, measure, print; 0 where both promises hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.02)
    given = parser.parse_args()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.fake_server",
            "comet",
            "--latency",
            str(given.latency),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        return measure(url, given.traces, given.latency)
    finally:
        server.terminate()
        server.wait()


def measure(url: str, traces: int, latency: float) -> int:
    """Deliver `traces` traces of one call each in batches, as the worker does."""
    os.environ |= {
        "COMET_API_KEY": "benchmark",
        "COMET_URL_OVERRIDE": f"{url}/clientlib/",
        "COMET_CONFIG": os.path.join(tempfile.gettempdir(), "no-comet.config"),
    }
    import psutil

    from smile_trace.trackers import Receipt
    from smile_trace_comet import CometTracker
    from tests.support.comet_samples import captured, prompt_trace

    tracker = CometTracker.from_settings({})
    assert tracker is not None
    memory = psutil.Process().memory_info
    tracker.deliver_traces(captured(prompt_trace(0)))  # imports and the handshake
    warm, arrived = 0.0, 0
    started = time.perf_counter()
    for start in range(1, traces + 1, BATCH):
        batch = captured(*(prompt_trace(n) for n in range(start, min(start + BATCH, traces + 1))))
        arrived += sum(isinstance(o, Receipt) for o in tracker.deliver_traces(batch))
        megabytes = memory().rss / 1e6
        if start <= traces // 10:
            warm = megabytes
        if (start // BATCH) % 20 == 0:
            print(f"{arrived:6} traces  {megabytes:6.1f} MB", flush=True)
    seconds = time.perf_counter() - started
    rate, growth = arrived / seconds, memory().rss / 1e6 - warm
    print(
        f"{arrived:,} of {traces:,} traces in {seconds:.1f} s: {rate:.0f} traces/s at "
        f"{latency * 1000:g} ms per answer, {tracker.options.concurrency} requests at once; "
        f"memory {warm:.1f} MB after a tenth, {growth:+.1f} MB until the end"
    )
    kept = arrived == traces and rate >= PROMISED_PER_SECOND and growth <= PROMISED_GROWTH_MB
    print("The promise is kept." if kept else "The promise is BROKEN.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
