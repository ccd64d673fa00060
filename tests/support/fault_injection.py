"""Faults for a worker under test: a disk that takes nothing, a clock that the test sets.

The worker's process obeys two files beside its home; what its databases then report is what they
report on such a disk. What cannot be written at all (`too_big`) is the system's own limit, set
from outside.
"""

import resource
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from sqlalchemy import event
from sqlalchemy.pool import Pool

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import Tracker
from smile_trace.worker.run import run

HOUR = 3600.0
DAY = 24 * HOUR


class Clock:
    """Unix seconds that a test turns; the day has only begun, whenever the test runs."""

    def __init__(self) -> None:
        self.now = time.time() // DAY * DAY

    def __call__(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        """Let the worker live through so many seconds, in minutes that it has time to notice."""
        until = self.now + seconds
        while self.now < until:
            self.now += 60.0
            time.sleep(0.05)


class ClockedWorker:
    """A running worker, its clock and its store."""

    def __init__(self, settings: Settings, *trackers: Tracker) -> None:
        self.clock = Clock()
        self.store = Store.open(settings, self.clock)
        self._stopping = threading.Event()
        self._worker = threading.Thread(
            target=run,
            args=(settings,),
            kwargs={"trackers": [*trackers], "stopping": self._stopping, "clock": self.clock},
        )
        self._worker.start()

    def until(self, condition: Callable[[], object]) -> None:
        """Time passes until it is so."""
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.clock.pass_time(1.0)

    def stop(self) -> None:
        """End the worker."""
        self._stopping.set()
        self._worker.join(120)
        self.store.close()
        assert not self._worker.is_alive()


class Start(Protocol):
    """Starts a worker."""

    def __call__(self, settings: Settings, *trackers: Tracker) -> ClockedWorker: ...


DiskFault = Literal["full", "read-only", "too big"]
"""SQLITE_FULL at every growth, SQLITE_READONLY at every write, EFBIG from the system."""


class Disk:
    """The disk of one home, as the worker on it finds it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def inject(self, fault: DiskFault, process: int) -> None:
        """From now on the worker `process` cannot write."""
        if fault == "too big":
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (0, hard))
        else:
            (self._folder / fault).touch()

    def recover(self, process: int | None) -> None:
        """All is well again; `process` is None where the worker has ended."""
        for fault in ("full", "read-only"):
            (self._folder / fault).unlink(missing_ok=True)
        if process is not None:
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))


def simulate_disk_faults(folder: Path) -> None:
    """Let every SQLite connection of this process find the disk as `folder` says."""

    def checked_out(connection: Any, *_: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            read_only = (folder / "read-only").exists()
            connection.execute(f"PRAGMA query_only={int(read_only)}")
            [pages] = connection.execute("PRAGMA page_count").fetchone()
            most = pages if (folder / "full").exists() else 2**30
            connection.execute(f"PRAGMA max_page_count={most}")

    event.listen(Pool, "checkout", checked_out)
