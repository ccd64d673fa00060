"""`make bench-outages`: a day without the receiver, an hour without the database.

*A day*: the calls of a day, one a second, come into a host's spool while its shipper finds no
receiver; then there is one. *An hour*: a worker explains a share of what comes in, its PostgreSQL
crashes, and the calls of an hour, one a second, come in until it is back. The hour passes in a
minute: the worker's waits between two tries are a sixtieth of what they are.

Nothing may be lost or be there twice, everything has to be in the order of the calls, and what the
process holds in memory may not grow with what waits: each runs with a tenth of the calls, too.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import select

import smile_trace.worker.fleet as fleets
import smile_trace.worker.run as worker_run
import smile_trace.worker.store_retry as store_retry
from benchmarks.fleet.move import planted_span
from smile_trace.records.formats.otlp import spans_from_line
from smile_trace.settings import Settings
from smile_trace.spool import Spool
from smile_trace.store import Store
from smile_trace.store.tables import traces
from smile_trace.worker.status import read_home
from tests.support.peak_memory import peak_megabytes
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import OwnPostgresServer, programs
from tests.support.receiver_process import Receiver
from tests.support.spooled import call_span, line, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import planted_answer, settings_tables, wait_for

DAY, HOUR = 86_400, 3_600
FASTER = 60
EXPLAINED = 20
"""About so many of the calls are explained."""
FILE_BYTES, SPOOL_BYTES = 8 * 2**20, 2**30


class Outage(NamedTuple):
    """What one came to: `order` are the numbers of the calls as they arrived."""

    calls: int
    order: Sequence[int]
    catching_up: float
    megabytes: float
    said: str

    @property
    def good(self) -> bool:
        """Whether all are there once, in order."""
        return self.order == list(range(1, self.calls + 1))

    def line(self, name: str) -> str:
        """A line of the table."""
        held = "all once, in order" if self.good else f"WRONG: {len(set(self.order)):,} of them"
        figures = f"{self.catching_up:.0f} | {self.megabytes:.0f}"
        return f"| {name} | {self.calls:,} | {held} | {figures} | {self.said} |"


def without_receiver(folder: Path, calls: int) -> Outage:
    """Write the calls while nothing listens, and then let a receiver take them."""
    receiver, home, log = Receiver(folder / "receiver"), folder / "host", folder / "ship.log"
    home.mkdir(mode=0o700)
    shipper = subprocess.Popen(  # as a person starts it: a forked one would hold our memory
        [sys.executable, "-m", "smile_trace", "ship"],
        env=os.environ | {"SMILE_TRACE_HOME": str(home), "SMILE_TRACE_SHIP__URL": receiver.address},
        stderr=log.open("wb"),
    )
    try:
        spool = Spool(home / "spool", file_limit=FILE_BYTES, spool_limit=SPOOL_BYTES)
        for number in range(1, calls + 1):
            assert spool.write(line(call_span(number)).rstrip())
        spool.close()
        wait_for(lambda: "the spool waits" in log.read_text())
        began = time.monotonic()
        receiver.start()
        wait_for(lambda: not any(home.glob("spool/*.jsonl")), 3600.0)
        seconds, megabytes = time.monotonic() - began, peak_megabytes(shipper.pid)
        arrived = [
            int(span.trace_id, 16) for one in receiver.spooled() for span in spans_from_line(one)
        ]
        again = len(arrived) - len(set(arrived))
        order = list(dict.fromkeys(arrived))
        return Outage(calls, order, seconds, megabytes, f"{again} sent again")
    finally:
        shipper.kill()
        shipper.wait()
        receiver.close()


def hurry(_home: Path) -> None:
    """In the worker's process: an hour of tries passes in a minute."""
    store_retry.FIRST_WAIT /= FASTER
    store_retry.MAX_WAIT /= FASTER
    fleets.PING_SECONDS /= FASTER
    worker_run.SHARED_TICK /= FASTER


def without_database(folder: Path, server: OwnPostgresServer, calls: int) -> Outage:
    """Crash the database under a worker, and let the calls come in until it is back."""
    model = PlantedProcess(folder / "model", planted_answer)
    sampling = {"rate": EXPLAINED / calls, "minimum_per_prompt_version": 0}
    tables = settings_tables(
        model.base_url, {"store": {"url": server.new_database()}, "sampling": sampling}
    )
    settings = Settings(home=folder / "home", **tables)
    settings.home.mkdir(mode=0o700)
    workers = WorkerProcesses(settings.home, tables, hurry)
    try:
        model.start()
        worker = workers.start()
        assert worker.pid is not None
        write_spool(settings.spool, [planted_span(1)])
        wait_for(lambda: read_home(settings).captured == 1)
        server.stop()
        for number in range(2, calls + 1):
            write_spool(settings.spool, [planted_span(number)])
            time.sleep(HOUR / FASTER / calls)
        server.start()
        began = time.monotonic()

        def done() -> bool:
            now = read_home(settings)
            ended = now.explained + now.failed == now.sampled and not now.undecided
            return now.captured == calls and ended

        wait_for(done, 3600.0)
        seconds, now = time.monotonic() - began, read_home(settings)
        with Store.open(settings) as store, store.database.read() as connection:
            query = select(traces.c.trace_id).order_by(traces.c.position)
            order = [int(found, 16) for found in connection.execute(query).scalars()]
        lines = workers.log().count("everything waits")
        said = f"{now.explained} of {now.sampled} sampled explained; {lines} lines in its log"
        return Outage(calls, order, seconds, peak_megabytes(worker.pid), said)
    finally:
        workers.close()
        model.close()


def main() -> int:
    """Print the table; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="make bench-outages")
    parser.add_argument("--share", type=float, default=1.0, help="of the calls")
    wanted = parser.parse_args()
    server, good = OwnPostgresServer(programs()), True
    try:
        [[version]] = server.execute("SHOW server_version")
        print(f"PostgreSQL {version}, {os.cpu_count()} cores\n")
        print("| without | calls | arrived | s to catch up | peak memory, MiB | |")
        print("|---|--:|---|--:|--:|---|", flush=True)
        for part in (0.1, 1.0):
            with TemporaryDirectory() as folder:
                day = without_receiver(Path(folder), int(part * wanted.share * DAY))
            print(day.line("a receiver for a day"), flush=True)
            with TemporaryDirectory() as folder:
                hour = without_database(Path(folder), server, int(part * wanted.share * HOUR))
            print(hour.line("the database for an hour"), flush=True)
            good = good and day.good and hour.good
    finally:
        server.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
