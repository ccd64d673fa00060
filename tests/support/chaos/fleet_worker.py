"""A worker of a fleet under test: killed, frozen, started again, upgraded."""

import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import smile_trace.store.database.session as session
import smile_trace.worker.fleet as fleets
from tests.support.chaos import fault_run
from tests.support.newer_release import newer_release
from tests.support.worker_process import WorkerProcesses

STOP_WAIT = 60.0
"""The longest that a worker may take to end after SIGTERM, in seconds: 10 where it has a processor
of its own."""


def prepare(home: Path) -> None:
    """In a worker's process: as in `fault_run`, the fleet looks at itself more often, the clock is
    as wrong and the release as new as the home says."""
    fault_run.prepare(home)
    ahead, right = float((home / "clock").read_text()), time.time
    time.time = lambda: right() + ahead
    fleets.PING_SECONDS, fleets.CONFIRM_SECONDS = 0.7, 2.5
    session.SILENT_SECONDS = 5.0
    if (home / "newer").exists():
        newer_release().__enter__()


class FleetWorker:
    """Workers, one after the other, on one home, whose machine's clock is so many seconds ahead."""

    def __init__(self, processes: WorkerProcesses, ahead: float) -> None:
        self.processes = processes
        (processes.home / "clock").write_text(str(ahead))
        self._newer = processes.home / "newer"
        self._process: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        """The running process, or the last one."""
        assert self._process is not None
        return int(self._process.pid or 0)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.is_alive()

    @property
    def newer(self) -> bool:
        """Whether this host has the newer release."""
        return self._newer.exists()

    def start(self) -> None:
        """Start one."""
        self._process = self.processes.start()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.join()

    def upgrade(self) -> None:
        """Stop it as systemd does, and start one of the newer release."""
        if self._process is not None:
            self._process.terminate()
            self._process.join(STOP_WAIT)
            assert not self.running, f"SIGTERM did not end it\n{self.processes.log()}"
        self._newer.touch()
        self.start()
