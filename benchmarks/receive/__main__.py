"""`python -m benchmarks.receive`: a real receiver on one core, senders on the others.

First at a pace (`SPANS_PER_SECOND=3000` over `SENDERS=200` connections for `SECONDS=60`), plain
and gzipped, then as fast as it goes. Prints one JSON object per run: how long requests took, the
receiver's processor time per span and its memory before and after.
"""

import contextlib
import gzip
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.receive.load import SPANS, Senders, request_body

PACE, SENDERS, SECONDS = (
    int(os.environ.get(name, default))
    for name, default in (("SPANS_PER_SECOND", "3000"), ("SENDERS", "200"), ("SECONDS", "60"))
)
HEADERS = {"Content-Type": "application/x-protobuf"}


@contextmanager
def receiver(home: str) -> Iterator[tuple[int, int]]:
    """A receiver that only runs on the first core: its process id and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {
        "SMILE_TRACE_HOME": home,
        "SMILE_TRACE_RECEIVE__PORT": str(port),
        "SMILE_TRACE_RECEIVE__MAX_MB_PER_SECOND": "1000",
        "SMILE_TRACE_SPOOL_LIMIT": str(2**36),
    }
    core = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), sys.executable, "-m", "smile_trace", "receive"]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield process.pid, port
        finally:
            process.terminate()


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> int:
    """Memory of a process now."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024


@contextmanager
def removing(spool: Path) -> Iterator[None]:
    """Remove full spool files meanwhile, as a worker does: the disk of a benchmark is small."""
    done = threading.Event()

    def remove() -> None:
        while not done.wait(1):
            for file in sorted(spool.glob("*.jsonl"))[:-1]:
                file.unlink()

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def measure(name: str, headers: dict[str, str], bodies: list[bytes], pace: float | None) -> None:
    """One run; prints its figures."""
    with (
        tempfile.TemporaryDirectory() as home,
        receiver(home) as (pid, port),
        removing(Path(home) / "spool"),
    ):
        Senders(port, bodies, headers).send(2, 3, 4)  # its first requests load what is needed
        cpu, memory = cpu_seconds(pid), [megabytes(pid)]
        senders = Senders(port, bodies, headers)
        began = time.monotonic()
        thread = threading.Thread(target=senders.send, args=(SENDERS, SECONDS, pace))
        thread.start()
        while thread.is_alive():
            thread.join(SECONDS / 6)
            memory.append(megabytes(pid))
        took = time.monotonic() - began
        cpu = cpu_seconds(pid) - cpu
    cuts = statistics.quantiles(senders.seconds, n=100)
    spans = senders.statuses.count(200) * SPANS
    figures = {
        "run": name,
        "senders": SENDERS,
        "requests": len(senders.seconds),
        "statuses": dict(Counter(senders.statuses)),
        "body_kb": round(statistics.fmean(map(len, bodies)) / 1024),
        "spans_per_s": round(spans / took),
        "p50_ms": round(cuts[49] * 1e3, 1),
        "p99_ms": round(cuts[98] * 1e3, 1),
        "longest_ms": round(max(senders.seconds) * 1e3, 1),
        "latest_start_ms": round(senders.late * 1e3, 1),
        "cpu_us_per_span": round(cpu / max(spans, 1) * 1e6, 1),
        "memory_mb": memory,
    }
    print(json.dumps(figures), flush=True)


def main() -> None:
    """All runs."""
    chance = random.Random(0)
    plain = [request_body(chance) for _ in range(24)]
    packed = [gzip.compress(body, 6) for body in plain]
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(json.dumps({"python": platform.python_version(), "cores": os.cpu_count(), "load": load}))
    gzipped = HEADERS | {"Content-Encoding": "gzip"}
    measure("paced", HEADERS, plain, PACE / SPANS)
    measure("paced, gzip", gzipped, packed, PACE / SPANS)
    measure("as fast as it goes", HEADERS, plain, None)


if __name__ == "__main__":
    main()
