"""The real worker in a process of its own, delivering into a folder: something to kill.

Processes are forked from a clean server that has imported everything once, so that a new
worker is up in a fraction of a second.
"""

import json
import logging
import multiprocessing
import signal
import threading
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.stand_in_tracker import FolderTracker

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class WorkerProcesses:
    """Workers, one after the other, on one home; their log is `worker.log` there."""

    def __init__(self, home: Path, tables: dict[str, Any]) -> None:
        self.home = home
        self.tracker = FolderTracker(home / "tracker")
        self._settings = json.dumps(tables)
        self._started: list[ForkServerProcess] = []

    def start(self, *, once: bool = False) -> ForkServerProcess:
        """A running worker; SIGTERM stops it."""
        process = _context.Process(target=_work, args=(str(self.home), self._settings, once))
        process.start()
        self._started.append(process)
        return process

    def finish(self) -> None:
        """One more worker, until everything is done."""
        process = self.start(once=True)
        process.join(120)
        assert process.exitcode == 0, (self.home / "worker.log").read_text()

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()
            process.join()


def _work(home: str, settings: str, once: bool) -> None:
    logging.basicConfig(
        filename=Path(home) / "worker.log",
        level=logging.INFO,
        format="%(asctime)s %(process)d %(message)s",
    )
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    run(
        Settings(home=Path(home), **json.loads(settings)),
        once=once,
        trackers=[FolderTracker(Path(home) / "tracker")],
        stopping=stopping,
    )
