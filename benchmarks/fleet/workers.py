"""What several workers on one PostgreSQL do that one does not, and what an idle fleet costs.

Calls are read from a spool and sampled first. Then so many workers, each with one explanation at a
time, share them; counted are the explanations between the moment at which each worker has ended one
and the moment at which nine tenths are done, and the processor time of the workers meanwhile. The
planted model is a process of its own, which answers after half a second, or at once: then the
processor is the limit. At an idle fleet a call is captured and sampled by this process; the time is
that from its commit to the first request of a model.
"""

import os
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from benchmarks.fleet.move import planted_span
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from smile_trace.worker.sample import sample
from smile_trace.worker.status import read_home
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import OwnPostgresServer
from tests.support.spooled import write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import planted_answer, settings_tables, wait_for

CALLS = 20
"""Of a model, for one explanation."""
POLL_SECONDS = 2.0
"""As it is by default; the tests' settings have a shorter time."""
IDLE_SECONDS = 20.0
CLAIMS = 10


class Rate(NamedTuple):
    """What so many workers did: explanations a second, and CPU seconds of each."""

    per_second: float
    cpu: float


class Idle(NamedTuple):
    """What an idle fleet takes, a worker: transactions a second and connections; and the seconds
    from a call's commit to the first request of a model."""

    transactions: float
    connections: float
    claims: Sequence[float]


def answer_after_half_a_second(prompt: str) -> str:
    """The planted answer of a model that thinks."""
    time.sleep(0.5)
    return planted_answer(prompt)


class Fleet:
    """Workers on one new database, and their model."""

    def __init__(self, folder: Path, server: OwnPostgresServer, thinks: bool) -> None:
        self._server, self._url = server, server.new_database()
        function = answer_after_half_a_second if thinks else planted_answer
        self._model = PlantedProcess(folder / "model", function)
        self._tables = settings_tables(
            self._model.base_url,
            {
                "store": {"url": self._url},
                "worker": {"concurrent_explanations": 1, "poll_seconds": POLL_SECONDS},
                "budget": {"calls_per_explanation": CALLS},
            },
        )
        self._tables["models"]["planted"]["concurrency"] = 64
        self._folder, self._running = folder, list[WorkerProcesses]()
        self._home = Settings(home=folder / "home", **self._tables)
        self._model.start()

    def rate(self, workers: int, calls: int) -> Rate:
        """Let so many workers explain so many calls."""
        self._capture(range(1, calls + 1))
        processes = self._start(workers)
        wait_for(lambda: read_home(self._home).explained >= workers)
        began, cpu, done = time.monotonic(), _cpu(processes), read_home(self._home).explained
        wait_for(lambda: read_home(self._home).explained >= 0.9 * calls, 3600.0)
        ended, now = time.monotonic(), read_home(self._home).explained
        return Rate((now - done) / (ended - began), (_cpu(processes) - cpu) / (now - done))

    def idle(self, workers: int) -> Idle:
        """Look at so many workers that have nothing to do, then give them something."""
        self._start(workers)
        wait_for(lambda: len(read_home(self._home).workers) == workers)
        time.sleep(5.0)  # what is done once, at the start
        before = self._transactions()
        time.sleep(IDLE_SECONDS)
        per_worker = (self._transactions() - before) / IDLE_SECONDS / workers
        name = self._url.rpartition("/")[2]
        [[connections]] = self._server.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        claims = [self._claim(number) for number in range(1, CLAIMS + 1)]
        return Idle(per_worker, connections / workers, claims)

    def close(self) -> None:
        """Kill what still runs."""
        for one in self._running:
            one.close()
        self._model.close()

    def _claim(self, number: int) -> float:
        asked = self._model.asked
        self._capture([number])
        began = time.monotonic()
        while self._model.asked == asked:
            assert time.monotonic() - began < 60, "nobody explains it"
            time.sleep(0.005)
        taken = time.monotonic() - began
        wait_for(lambda: not (now := read_home(self._home)).pending and not now.running)
        return taken

    def _capture(self, numbers: Sequence[int]) -> None:
        write_spool(self._home.spool, map(planted_span, numbers), f"{numbers[0]}.jsonl")
        with Store.open(self._home) as store:
            Ingest(store, self._home).run()
            assert sample(store, self._home) == len(numbers)

    def _start(self, workers: int) -> list[psutil.Process]:
        started: list[ForkServerProcess] = []
        for number in range(workers):
            home = self._folder / f"worker-{number}"
            home.mkdir(mode=0o700)
            self._running.append(WorkerProcesses(home, self._tables))
            started.append(self._running[-1].start())
        return [psutil.Process(process.pid) for process in started]

    def _transactions(self) -> int:
        time.sleep(1.5)  # PostgreSQL counts them a second late
        name = self._url.rpartition("/")[2]
        [[count]] = self._server.execute(
            f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
        )
        return int(count)


def _cpu(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def print_rates(server: OwnPostgresServer, calls: int) -> None:
    """The table of several workers beside one."""
    print("\n| the model answers | workers | explanations/s | beside one | CPU s an explanation |")
    print("|---|--:|--:|--:|--:|")
    for thinks, counts, share in ((True, (1, 4), 1), (False, (1, 2), 2)):
        alone: Rate | None = None
        for workers in counts:
            found = _measured(server, thinks, workers, calls * share * workers // counts[-1])
            alone = alone or found
            print(
                f"| {'after .5 s' if thinks else 'at once'} | {workers} | {found.per_second:.2f} "
                f"| {found.per_second / alone.per_second:.2f} | {found.cpu:.3f} |",
                flush=True,
            )


def _measured(server: OwnPostgresServer, thinks: bool, workers: int, calls: int) -> Rate:
    with TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), server, thinks)
        try:
            return fleet.rate(workers, calls)
        finally:
            fleet.close()


def print_idle(server: OwnPostgresServer, workers: int) -> None:
    """What an idle fleet takes, and how soon it begins."""
    with TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), server, thinks=False)
        try:
            found = fleet.idle(workers)
        finally:
            fleet.close()
    least, most = min(found.claims), max(found.claims)
    print(
        f"\n{workers} idle workers, each: {found.transactions:.1f} transactions/s (aim: below 20), "
    )
    print(f"{found.connections:.1f} connections (aim: below 8). From a call's commit to the first ")
    print(f"request of a model: {least:.2f} to {most:.2f} s, median {median(found.claims):.2f} ")
    print(f"(aim: below 1.5). Load {os.getloadavg()[0]:.1f}.", flush=True)
