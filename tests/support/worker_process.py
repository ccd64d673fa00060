"""The real worker in a process of its own: something to kill."""

import json
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.forked import FORKS
from tests.support.worker_settings import wait_for

Prepare = Callable[[Path], None]
"""Called with the home in the worker's process before it works; found by name there."""


class WorkerProcesses:
    """Workers, one after the other, on one home; their log is `worker.log` there.

    They deliver into a folder, unless the settings' tables name trackers.
    """

    def __init__(self, home: Path, tables: dict[str, Any], prepare: Prepare | None = None) -> None:
        self.home = home
        self.tracker = FolderTracker(home / "tracker")
        self._settings = json.dumps(tables)
        self._prepare = prepare
        self._started: list[ForkServerProcess] = []

    def start(self, *, once: bool = False) -> ForkServerProcess:
        """A running worker; SIGTERM stops it."""
        process = FORKS.Process(
            target=_work, args=(str(self.home), self._settings, once, self._prepare)
        )
        process.start()
        self._started.append(process)
        return process

    def kill_when(self, condition: Callable[[], object]) -> None:
        """One more worker, killed as soon as the condition holds."""
        worker = self.start()
        wait_for(condition)
        worker.kill()
        worker.join()

    def finish(self, seconds: float = 600) -> None:
        """One more worker, until everything is done."""
        process = self.start(once=True)
        process.join(seconds)
        assert process.exitcode == 0, self.log()

    def stop(self, worker: ForkServerProcess) -> None:
        """Ask a worker to end, as an operator does, and see that it ends well, and soon."""
        worker.terminate()
        worker.join(30)  # 10 s where nothing else runs
        assert worker.exitcode == 0, self.log()

    def log(self) -> str:
        """What they all wrote."""
        path = self.home / "worker.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()
            process.join()


def _work(home: str, settings: str, once: bool, prepare: Prepare | None) -> None:
    logging.basicConfig(
        filename=Path(home) / "worker.log",
        level=logging.INFO,
        format="%(asctime)s %(process)d %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # where the log cannot be written either
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    if prepare is not None:
        prepare(Path(home))
    made = Settings(home=Path(home), **json.loads(settings))
    trackers = None if made.trackers else [FolderTracker(Path(home) / "tracker")]
    try:
        run(made, once=once, trackers=trackers, stopping=stopping)  # type: ignore[arg-type]
    except SmileTraceError as error:
        # As the command line does it; a log that cannot be written must not end in a trace.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        logging.error("ended: %s", error)
        sys.exit(1)
    if stopping.is_set():
        os._exit(0)  # a tracker's thread may still hang in a request
