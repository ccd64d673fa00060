"""`make chaos-fleet SEEDS=10`: a whole fleet whose parts die at random moments, as a seed decides.

An application host with a shipper, a receiver, two workers (one of them reads what the receiver
takes), a real PostgreSQL, and a planted model that fails, counts and prices. Each part is killed
with `kill -9`, workers are frozen, connections are ended, the database crashes and starts again.
What ends is started again, as systemd would. Afterwards the accounting of `chaos` must hold over
all of them.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Literal, get_args

import smile_trace.store.session as session
import smile_trace.worker.fleet as fleets
from smile_trace.settings import Settings
from smile_trace.store import StoreUnavailable
from smile_trace.store.queries.status import Status
from smile_trace.worker.status import read_home
from tests.support import killed
from tests.support.chaos import fault_run
from tests.support.chaos.accounting import check_accounting, visible_once
from tests.support.chaos.fault_run import CAPS, CONCURRENT, FAULT_SHARE, capture
from tests.support.chaos.schedule import BUDGET
from tests.support.fake_tracker import FolderTracker
from tests.support.planted_process import TIMEOUT, PlantedProcess
from tests.support.postgres_server import PostgresServer, programs
from tests.support.receiver_process import Receiver
from tests.support.shipper_process import ShipperProcess
from tests.support.spooled import span_id, trace_id
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import planted_answer, settings_tables

CALLS, FAULTS = 6, 6
REQUEST_WAIT = 3.0
"""The longest wait for a number of requests, in seconds: everything may be done, or paused."""
END_WAIT = 300.0

Kind = Literal[
    "worker killed",
    "worker frozen",
    "connections ended",
    "database crashed",
    "receiver killed",
    "shipper killed",
    "model killed",
]


def prepare(home: Path) -> None:
    """In a worker's process: as in `fault_run`, and the fleet looks at itself more often."""
    fault_run.prepare(home)
    fleets.PING_SECONDS, fleets.CONFIRM_SECONDS = 0.7, 2.5
    session.SILENT_SECONDS = 5.0


class _Worker:
    """Workers, one after the other, on one home."""

    def __init__(self, processes: WorkerProcesses) -> None:
        self.processes = processes
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

    def start(self) -> None:
        """Start one."""
        self._process = self.processes.start()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.join()


class FleetRun:
    """Everything that one run needs; attributes as those of `FaultRun`."""

    in_flight = 2 * 2 * CONCURRENT * CONCURRENT
    """Requests of two workers; where their locks were lost with the database, of those before,
    too."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._chance = random.Random(f"fleet {seed}")
        self.server = PostgresServer(programs())
        self.numbers = [2_000_000 + seed * CALLS + n for n in range(CALLS)]
        self.model = PlantedProcess(folder / "model", planted_answer, seed=seed, share=FAULT_SHARE)
        self.url = self.server.new_database()
        tables = settings_tables(
            self.model.base_url,
            {
                "store": {"url": self.url},
                "worker": {"concurrent_explanations": CONCURRENT},
                "budget": {"calls_per_explanation": BUDGET, "usd_per_explanation": 10.0, **CAPS},
            },
        )
        tables["models"]["planted"] |= {
            "concurrency": CONCURRENT,
            "retries": 2,
            "timeout_seconds": TIMEOUT,
        }
        self.receiver = Receiver(folder / "receiver")
        self.shipper = ShipperProcess(folder / "host", self.receiver.address, timeout_seconds="5")
        self.tracker = FolderTracker(folder / "tracker")
        self.workers: list[_Worker] = []
        for home in (self.receiver.home, folder / "worker"):
            home.mkdir(mode=0o700, exist_ok=True)
            (home / "tracker").symlink_to(self.tracker.folder)  # one, as a real one is
            self.workers.append(_Worker(WorkerProcesses(home, tables, prepare)))
        self.settings = Settings(home=folder / "worker", **tables)
        self.host = Settings(home=folder / "host")
        self.interruptions = self.worker_kills = self.model_kills = self.kills = 0

    @property
    def calls(self) -> list[str]:
        """The ids of the captured calls, in order."""
        return [f"{trace_id(number)}:{span_id(1)}" for number in self.numbers]

    def run(self) -> None:
        """Inject the faults while calls come in, and then let everything end."""
        self.model.start()
        self.receiver.start()
        self.shipper.start()
        for worker in self.workers:
            worker.start()
        for number, kind in zip(self.numbers, self._plan(), strict=True):
            capture(self.host, number)
            self._wait_for_requests(self._chance.randrange(1, 12))
            self._inject(kind)
            self._start_what_ended()
        self.model.stop_faults()
        self._until(self._done)

    def log(self) -> str:
        """What all of them wrote."""
        said = [worker.processes.log() for worker in self.workers]
        return "\n".join([*said, self.receiver.said(), self.shipper.said()])

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            worker.processes.close()
        self.shipper.close()
        self.receiver.close()
        self.model.close()
        self.server.close()

    def _plan(self) -> list[Kind]:
        kinds: Sequence[Kind] = get_args(Kind)
        first = self._chance.sample(kinds[:4], 2)  # what this release is about
        return [*first, *self._chance.choices(kinds, k=FAULTS - len(first))]

    def _inject(self, kind: Kind) -> None:
        worker, seconds = self._chance.choice(self.workers), self._chance.uniform(0.1, 1.0)
        self.interruptions += 1
        match kind:
            case "worker killed":
                worker.kill()
                self.worker_kills += 1
                time.sleep(self._chance.choice((0.0, 5.0)))  # the other one may take over
            case "worker frozen":
                if worker.running:
                    os.kill(worker.pid, signal.SIGSTOP)
                    time.sleep(self._chance.choice((seconds, 11.0)))  # it may be taken for dead
                    os.kill(worker.pid, signal.SIGCONT)
            case "connections ended":
                self.server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname LIKE 'test_%' AND pid <> pg_backend_pid()"
                )
            case "database crashed":
                self.server.stop()
                time.sleep(3 * seconds)
                self.server.start()
            case "receiver killed":
                self.receiver.kill()
                time.sleep(seconds)
                self.receiver.start()
            case "shipper killed":
                self.shipper.kill()
                time.sleep(seconds)
                self.shipper.start()
            case "model killed":
                self.model.kill()
                time.sleep(seconds)
                self.model.start()
                self.model_kills += 1
        self.kills += kind != "worker frozen"

    def _start_what_ended(self) -> None:
        for worker in self.workers:
            if not worker.running:
                worker.start()
        if not self.shipper.running:
            self.shipper.start()

    def _wait_for_requests(self, more: int) -> None:
        wanted, deadline = self.model.asked + more, time.monotonic() + REQUEST_WAIT
        while self.model.asked < wanted and time.monotonic() < deadline:
            time.sleep(0.02)

    def _done(self) -> bool:
        self._start_what_ended()
        with suppress(StoreUnavailable):
            now = read_home(self.settings)
            return _ended(now) and len(self.tracker.visible("explanation")) == now.explained
        return False

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + END_WAIT
        while not condition():
            assert time.monotonic() < deadline, f"it did not end\n{self._status()}\n{self.log()}"
            time.sleep(0.3)

    def _status(self) -> Status:
        return read_home(self.settings)


def _ended(now: Status) -> bool:
    waiting = sum(tracker.waiting for tracker in now.trackers)
    return now.captured == now.explained + now.failed == CALLS and not waiting


@dataclass
class Outcome(killed.Outcome):
    """What a run left: what it did, or why it failed."""

    said: str = ""
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether the accounting held."""
        return not self.failure

    @property
    def line(self) -> str:
        """A line of the table."""
        return f"seed {self.seed}: {self.said or self.failure}"


def run(seed: int, folder: Path) -> Outcome:
    """One run, and its accounting."""
    outcome, fleet = Outcome(seed), FleetRun(folder, seed)
    began = time.monotonic()
    try:
        fleet.run()
        accounting = check_accounting(fleet)
        visible_once(fleet)
        outcome.said = f"{time.monotonic() - began:.0f} s, {accounting}"
    except Exception as error:  # noqa: BLE001 - whatever one seed does, the others follow
        outcome.failure = f"{type(error).__name__}: {error}"
    finally:
        outcome.kills = fleet.kills
        fleet.close()
    return outcome


if __name__ == "__main__":
    sys.exit(killed.run_seeds(__doc__, run, lambda _: "the accounting holds where none failed"))
