"""What a worker holds that has nothing to do: `python -m benchmarks.worker.idle_memory`.

With an empty home, one model in the settings and no tracker, once nothing has been loaded for some
seconds. Every tracker's package is installed.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.limit.rows import Pair
from benchmarks.worker.first_explain import SETTINGS

AT_LEAST, SETTLED = 10, 5
"""Seconds: the shortest run, and how long the figure has to stay the same."""


def idle_memory() -> float:
    """Resident megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "smile_trace.toml").write_text(SETTINGS.format(address="http://127.0.0.1:9"))
        place = {**os.environ, "SMILE_TRACE_HOME": f"{folder}/home"}
        command = [sys.executable, "-m", "smile_trace", "worker"]
        with subprocess.Popen(command, cwd=folder, env=place, stderr=subprocess.DEVNULL) as worker:
            seen = [0.0]
            while len(seen) < AT_LEAST or seen[-1] - seen[-SETTLED] > 1:
                time.sleep(1)
                seen.append(psutil.Process(worker.pid).memory_info().rss / 1e6)
            worker.terminate()
        return seen[-1]


def rows() -> dict[str, Pair]:
    """For `benchmarks.limit`."""
    return {"memory of an idle worker": (idle_memory(), None)}


if __name__ == "__main__":
    print(f"{idle_memory():.0f} MB")
