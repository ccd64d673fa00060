"""The worker of the benchmark, and what is in its store."""

import os
import subprocess
import sys
from pathlib import Path

from smile_trace.settings import Settings
from smile_trace.store import Store


def start_worker(folder: Path) -> subprocess.Popen[bytes]:
    """`smile-trace worker --once`."""
    env = {**os.environ, "SMILE_TRACE_HOME": str(folder / "home")}
    with open(folder / "worker.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "smile_trace", "worker", "--once"],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
        )


def counted(folder: Path) -> tuple[str, ...]:
    """What was read and explained until now."""
    store = store_of(folder)
    try:
        now = store.status()
        read = [f"{one.traces} traces, {one.calls} calls, {one.kept} kept" for one in now.sources]
        return (*read, f"{now.explained} explained")
    finally:
        store.close()


def store_of(folder: Path) -> Store:
    """The store of the worker."""
    return Store.open(Settings(home=folder / "home"))
