"""`make chaos-fleet SEEDS=10`: a whole fleet whose parts die at random moments, as a seed decides.

Two application hosts with a shipper each, two receivers behind a balancer, four workers (two of
them read what the receivers take; the clock of one is an hour wrong), a real PostgreSQL, and a
planted model that fails, counts and prices. Each part is killed with `kill -9`, workers are
frozen, connections are ended, the disk of a receiver's host fills up, the database crashes and
starts again, a newer release comes to one host after the other. What ends is started again, as
systemd would. Afterwards the accounting of `chaos` must hold over all of them.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from smile_trace.settings import Settings
from smile_trace.store import StoreUnavailable
from smile_trace.store.queries.status import Status
from smile_trace.worker.status import read_home
from tests.support import killed
from tests.support.balancer import Balancer
from tests.support.chaos.accounting import Accounting, check_accounting, visible_once
from tests.support.chaos.fault_run import CAPS, CONCURRENT, FAULT_SHARE, capture
from tests.support.chaos.fleet_worker import FleetWorker, prepare
from tests.support.chaos.schedule import BUDGET
from tests.support.fake_tracker import FolderTracker
from tests.support.fault_injection import Disk
from tests.support.newer_release import newer_release
from tests.support.planted_process import TIMEOUT, PlantedProcess
from tests.support.postgres_server import OwnPostgresServer, programs
from tests.support.receiver_process import Receiver
from tests.support.shipper_process import ShipperProcess
from tests.support.spooled import span_id, trace_id
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import planted_answer, settings_tables

HOUR = 3600.0
RECEIVERS = HOSTS = 2
START_WAIT, REQUEST_WAIT = 60.0, 3.0
"""The longest waits for the first request and for more, in seconds: everything may be done, or
paused."""
END_WAIT = 300.0


class Size(NamedTuple):
    """How large a fleet is, and what happens to it; the first workers are beside the receivers."""

    calls: int
    faults: int
    workers: int


FULL, SMALL = Size(6, 6, 4), Size(3, 3, 2)
Kind = Literal[
    "worker killed",
    "worker frozen",
    "connections ended",
    "database crashed",
    "disk full",
    "release upgraded",
    "receiver killed",
    "shipper killed",
    "model killed",
]


class FleetRun:
    """Everything that one run needs; attributes as those of `FaultRun`."""

    def __init__(
        self, folder: Path, seed: int, size: Size, trackers: dict[str, Any] | None = None
    ) -> None:
        self._chance = random.Random(f"fleet {seed}")
        self._faults = size.faults
        # Of all workers; where their locks were lost with the database, of those before, too.
        self.in_flight = 2 * size.workers * CONCURRENT * CONCURRENT
        self.server = OwnPostgresServer(programs())
        self.numbers = [2_000_000 + seed * size.calls + n for n in range(size.calls)]
        self.model = PlantedProcess(folder / "model", planted_answer, seed=seed, share=FAULT_SHARE)
        self.url = self.server.new_database()
        tables = settings_tables(
            self.model.base_url,
            {
                "store": {"url": self.url},
                "trackers": trackers or {},
                "worker": {"concurrent_explanations": CONCURRENT},
                "budget": {"calls_per_explanation": BUDGET, "usd_per_explanation": 10.0, **CAPS},
            },
        )
        tables["models"]["planted"] |= {
            "concurrency": CONCURRENT,
            "retries": 2,
            "timeout_seconds": TIMEOUT,
        }
        self.receivers = [Receiver(folder / f"receiver-{n}") for n in range(RECEIVERS)]
        self._balancer = Balancer([one.port for one in self.receivers], self._chance)
        self._entered = ExitStack()
        self.hosts = [Settings(home=folder / f"host-{n}") for n in range(HOSTS)]
        self.shippers = [
            ShipperProcess(host.home, self._balancer.url, timeout_seconds="5")
            for host in self.hosts
        ]
        self.tracker = FolderTracker(folder / "tracker")
        self.workers: list[FleetWorker] = []
        wrong, ahead = self._chance.randrange(size.workers), self._chance.choice((HOUR, -HOUR))
        homes = [folder / f"worker-{n}" for n in range(RECEIVERS, size.workers)]
        for n, home in enumerate([*(one.home for one in self.receivers), *homes]):
            home.mkdir(mode=0o700, exist_ok=True)
            (home / "tracker").symlink_to(self.tracker.folder)  # one, as a real one is
            processes = WorkerProcesses(home, tables, prepare)
            self.workers.append(FleetWorker(processes, ahead if n == wrong else 0.0))
        self.settings = Settings(home=folder / "operator", **tables)
        self.interruptions = self.worker_kills = self.model_kills = self.kills = 0

    @property
    def calls(self) -> list[str]:
        """The ids of the captured calls, in order."""
        return [f"{trace_id(number)}:{span_id(1)}" for number in self.numbers]

    @property
    def _services(self) -> list[Receiver | ShipperProcess]:
        return [*self.receivers, *self.shippers]

    def run(self) -> None:
        """Inject the faults while calls come in, and then let everything end."""
        self.model.start()
        self._entered.enter_context(self._balancer)
        for one in self._services:
            one.start()
        for worker in self.workers:
            worker.start()
        for number, kind in zip(self.numbers, self._plan(), strict=True):
            capture(self._chance.choice(self.hosts), number)
            longest = REQUEST_WAIT if self.model.asked else START_WAIT
            self._wait_for_requests(self._chance.randrange(1, 12), longest)
            self._inject(kind)
            self._start_what_ended()
        self._end_upgrade()
        self._until(self._half_done)
        self.model.stop_faults()
        self._until(self._done)

    def log(self) -> str:
        """What all of them wrote."""
        logs = [worker.processes.log() for worker in self.workers]
        return "\n".join([*logs, *(one.said() for one in self._services)])

    def check(self) -> Accounting:
        """Hold what everybody has against what the model was asked.

        Raises:
            AssertionError: they do not agree.
        """
        accounting = check_accounting(self)
        visible_once(self)
        return accounting

    def close(self) -> None:
        """Kill what still runs."""
        self._entered.close()
        for worker in self.workers:
            worker.processes.close()
        for one in self._services:
            one.close()
        self.model.close()
        self.server.close()

    def _plan(self) -> list[Kind]:
        kinds: Sequence[Kind] = get_args(Kind)
        first = self._chance.sample(kinds[:6], 2)  # what this release is about
        return [*first, *self._chance.choices(kinds, k=self._faults - len(first))]

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
                    with suppress(ProcessLookupError):  # it may end before it is frozen
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
            case "disk full":
                self._fill_disk(self._chance.randrange(RECEIVERS), 3 * seconds)
            case "release upgraded":
                self._upgrade_next()
            case "receiver killed":
                self._restart(self._chance.choice(self.receivers), seconds)
            case "shipper killed":
                self._restart(self._chance.choice(self.shippers), seconds)
            case "model killed":
                self.model.kill()
                time.sleep(seconds)
                self.model.start()
                self.model_kills += 1
        self.kills += kind not in ("worker frozen", "disk full", "release upgraded")

    def _upgrade_next(self) -> None:
        """The next host gets the newer release, and the operator with the first of them."""
        older = [worker for worker in self.workers if not worker.newer]
        if older:
            older[0].upgrade()
        if len(older) == len(self.workers):
            self._entered.enter_context(newer_release())

    def _end_upgrade(self) -> None:
        """No host stays behind: an older worker that has ended is refused at its next start."""
        if any(worker.newer for worker in self.workers):
            for worker in self.workers:
                if not worker.newer:
                    worker.upgrade()

    def _restart(self, one: Receiver | ShipperProcess, seconds: float) -> None:
        one.kill()
        time.sleep(seconds)
        one.start()

    def _fill_disk(self, number: int, seconds: float) -> None:
        """Neither a receiver nor the worker beside it can write meanwhile."""
        worker, receiver = self.workers[number], self.receivers[number]
        processes = [receiver.pid, *([worker.pid] if worker.running else [])]
        disk = Disk(receiver.home / "disk")
        for process in processes:
            disk.inject("too big", process)
        time.sleep(seconds)
        for process in processes:
            with suppress(ProcessLookupError):
                disk.recover(process)

    def _start_what_ended(self) -> None:
        for worker in self.workers:
            if not worker.running:
                worker.start()
        for shipper in self.shippers:
            if not shipper.running:
                shipper.start()

    def _wait_for_requests(self, more: int, longest: float) -> None:
        wanted, deadline = self.model.asked + more, time.monotonic() + longest
        while self.model.asked < wanted and time.monotonic() < deadline:
            time.sleep(0.02)

    def _half_done(self) -> bool:
        self._start_what_ended()
        with suppress(StoreUnavailable):
            now = read_home(self.settings)
            return now.explained + now.failed >= len(self.numbers) // 2
        return False

    def _done(self) -> bool:
        self._start_what_ended()
        with suppress(StoreUnavailable):
            now = read_home(self.settings)
            return self._ended(now) and self._shown(now)
        return False

    def _shown(self, now: Status) -> bool:
        return len(self.tracker.visible("explanation")) == now.explained

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + END_WAIT
        while not condition():
            assert time.monotonic() < deadline, self._left()
            time.sleep(0.3)

    def _left(self) -> str:
        """How things stand where it does not end, and which lines wait on the way to the store."""
        spools = {str(one.home): len(one.spooled()) for one in self.shippers}
        spools |= {str(one.home): len(one.spooled()) for one in self.receivers}
        return f"it did not end\n{read_home(self.settings)}\nlines in {spools}\n{self.log()}"

    def _ended(self, now: Status) -> bool:
        waiting = sum(tracker.waiting for tracker in now.trackers)
        done = now.captured == now.explained + now.failed
        return done and now.captured == len(self.numbers) and not waiting


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


def run(
    seed: int,
    folder: Path,
    size: Size = FULL,
    made: Callable[[Path, int, Size], FleetRun] = FleetRun,
) -> Outcome:
    """One run, and its accounting."""
    outcome, fleet = Outcome(seed), made(folder, seed, size)
    began = time.monotonic()
    try:
        fleet.run()
        outcome.said = f"{time.monotonic() - began:.0f} s, {fleet.check()}"
    except Exception as error:  # noqa: BLE001 - whatever one seed does, the others follow
        outcome.failure = f"{type(error).__name__}: {error}"
    finally:
        outcome.kills = fleet.kills
        fleet.close()
    return outcome


if __name__ == "__main__":
    sys.exit(killed.run_seeds(__doc__, run, lambda _: "the accounting holds where none failed"))
