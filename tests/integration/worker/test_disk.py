"""A disk that takes nothing for a while: everything waits, and goes on by itself.

The limit on the size of files (RLIMIT_FSIZE) stands for the full disk: it can be set from
outside while the worker runs, and stops every write of the process to every file.
"""

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.fake_tracker import FolderTracker
from tests.support.planted import PlantedServer
from tests.support.worker_settings import (
    capture,
    requests_sent,
    settings_tables,
    slow_answer,
    wait_for,
)

CODE = """
import json, logging, signal, sys, threading
from pathlib import Path
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker

logging.basicConfig(level=logging.WARNING, format="%(message)s")
logging.getLogger("dbos").setLevel(logging.CRITICAL)
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
home = Path(sys.argv[1])
tracker = FolderTracker(home / "tracker")
run(Settings(home=home, **json.loads(sys.argv[2])), trackers=[tracker], stopping=stopping)
"""


class LimitedWorker:
    """A worker whose disk can be filled; what it logs stands in `log`."""

    def __init__(self, home: Path, base_url: str) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        tables = settings_tables(base_url, {"worker": {"concurrent_explanations": 2}})
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(home), json.dumps(tables)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Nothing can be written meanwhile."""
        _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (0, most))
        try:
            yield
        finally:
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, most))

    def said(self, text: str) -> int:
        """How many lines of the log hold `text`."""
        return sum(text in line for line in self.log)

    def stop(self) -> int:
        """End it; gives its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(20)
        finally:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line.rstrip("\n"))


@pytest.mark.slow
def test_in_the_middle_of_explanations(settings: Settings, server: PlantedServer) -> None:
    server.function = slow_answer
    worker = LimitedWorker(settings.home, server.base_url)
    try:
        capture(settings, 1, 2, 3)
        wait_for(lambda: len(server.bodies) >= 8, 300)
        with worker.full_disk():
            wait_for(lambda: worker.said("everything waits"))
            capture(settings, 4)
            asked = len(server.bodies)
            threading.Event().wait(3.0)
            assert len(server.bodies) <= asked + 2  # nothing is asked that could not be kept
        tracker = FolderTracker(settings.home / "tracker")
        wait_for(lambda: len(tracker.visible("explanation")) == 4, 300)
    finally:
        code = worker.stop()
    assert code == 0
    assert max(requests_sent(server).values()) == 1, "an answer that had come was paid for twice"
    assert worker.said("everything waits, and goes on by itself") == 1, worker.log
    assert worker.said("the store can be written again") == 1, worker.log
    assert not worker.said("Traceback")
    store = Store.open(settings)
    status = store.status()
    store.close()
    assert (status.explained, status.failed) == (4, 0)
    assert status.spent.calls == len(server.bodies)
