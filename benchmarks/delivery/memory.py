"""The worker's memory while all seven trackers are active and many traces wait for each."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from benchmarks.delivery.servers import FAKE, REAL, serving

_WORKER = """
import json, sys
from pathlib import Path
from benchmarks.delivery.servers import trackers
from smile_trace.settings import Settings
from smile_trace.worker.run import run
home = Path(sys.argv[1])
made = trackers(json.loads(sys.argv[2]), home.parent)
assert len(made) == 7, made
run(Settings(home=home), trackers=made)
"""


def measure(home: Path, latency: float, seconds: float) -> dict[str, Any]:
    """Resident memory of a worker that delivers to all of them, for so many seconds."""
    with ExitStack() as running:
        urls = {}
        for name in (*REAL, *FAKE):
            folder = home.parent / name
            folder.mkdir()
            urls[name] = running.enter_context(serving(name, folder, latency))
        worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(home), json.dumps(urls)])
        try:
            found = _sampled(psutil.Process(worker.pid), seconds)
        finally:
            worker.kill()
            worker.wait()
    status = subprocess.run(
        [sys.executable, "-m", "smile_trace", "status", "--json"],
        env={**os.environ, "SMILE_TRACE_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    counted = json.loads(status.stdout)["trackers"]
    return {
        **found,
        "delivered": {one["name"]: one["traces"] for one in counted},
        "waiting": {one["name"]: one["waiting"] for one in counted},
    }


def _sampled(process: psutil.Process, seconds: float) -> dict[str, float]:
    until, memory = time.monotonic() + seconds, list[float]()
    while time.monotonic() < until:
        assert process.status() != psutil.STATUS_ZOMBIE, "the worker has ended"
        memory.append(process.memory_info().rss / 1e6)
        time.sleep(0.5)
    return {"peak_mb": max(memory), "half_mb": memory[len(memory) // 2], "end_mb": memory[-1]}
