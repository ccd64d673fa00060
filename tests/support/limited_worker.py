"""A worker in a process of its own whose disk can be filled; what it logs is kept."""

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.worker_settings import settings_tables

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
