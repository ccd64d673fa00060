"""`python -m benchmarks.fleet.ledger`: reservations a second of PostgreSQL's ledger, beside clients
that each insert one bare row.

Every client is a process and reserves for an explanation of its own, under one cap per day, model
and explanation; in a second column it also settles each reservation. Beside it the driver alone
inserts the same row, and waits for the disk as a reservation does. All take turns on one server,
which waits for the disk as one in production does. The processor's microseconds tell the limit
where clients and server share a machine.
"""

import argparse
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from multiprocessing import Barrier, Process, Queue
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil
import psycopg

from benchmarks.fleet.server import conditions, durable_server
from smile_trace.settings import Budget, Settings
from smile_trace.store import Store
from smile_trace.store.database.postgresql import SCHEMA
from smile_trace.store.spending.ledger import StoredLedger
from tests.support.postgres_server import OwnPostgresServer

MOST = Budget(
    calls_per_day=10**9, calls_per_explanation=10**9, usd_per_day=1e9, usd_per_explanation=1e9
)
Client = Callable[[str, int], AbstractContextManager[Callable[[], object]]]
"""The client of an address and a number: what it does again and again."""


class Rate(NamedTuple):
    """What the clients did in a second, and the processor microseconds of each, of the
    client and of the server."""

    per_second: float
    client: float
    server: float


class Rates(NamedTuple):
    """The medians of several turns."""

    clients: int
    reserved: Rate
    settled: Rate
    inserted: Rate


def ledger_rates(
    server: OwnPostgresServer, clients: int, seconds: float = 3.0, turns: int = 3
) -> Rates:
    """What so many clients do at once."""
    turn = [
        [_rate(server, client, clients, seconds) for client in (_reserving, _settling, _inserting)]
        for _ in range(turns)
    ]
    return Rates(
        clients, *(Rate(*map(median, zip(*each, strict=True))) for each in zip(*turn, strict=True))
    )


def rows() -> dict[str, tuple[float, float]]:
    """Those of the table of limits."""
    with closing(durable_server()) as server:
        found = ledger_rates(server, 16, turns=1)
    pair = found.reserved.per_second, found.inserted.per_second
    return {"reservations on PostgreSQL, 16 clients": pair}


def print_ledger(server: OwnPostgresServer, clients: Sequence[int]) -> None:
    """Print the table."""
    print("\n| clients | reserved/s | client + server µs | and settled/s | bare rows/s | µs |")
    print("|--:|--:|--:|--:|--:|--:|")
    for number in clients:
        _, reserved, settled, inserted = ledger_rates(server, number)
        print(
            f"| {number} | {reserved.per_second:,.0f} | {reserved.client:.0f} + "
            f"{reserved.server:.0f} | {settled.per_second:,.0f} | {inserted.per_second:,.0f} | "
            f"{inserted.client:.0f} + {inserted.server:.0f} |",
            flush=True,
        )


def _rate(server: OwnPostgresServer, client: Client, clients: int, seconds: float) -> Rate:
    url, counts = server.new_database(), Queue()
    start, end = Barrier(clients + 1), Barrier(clients + 1)
    running = [
        Process(target=_run, args=(client, url, number, seconds, start, counts, end))
        for number in range(clients)
    ]
    for process in running:
        process.start()
    start.wait()
    before = _processor_seconds(server)
    done, spent = map(sum, zip(*(counts.get() for _ in running), strict=True))
    of_server = _processor_seconds(server) - before
    end.wait()
    for process in running:
        process.join()
    with _ledger(url) as ledger:  # one each before the start
        counted = 0 if client is _inserting else done + clients
        assert ledger.spent("day", ledger.today()).calls == counted
    return Rate(done / seconds, 1e6 * spent / done, 1e6 * of_server / done)


def _run(
    client: Client, url: str, number: int, seconds: float, start: Any, counts: Any, end: Any
) -> None:
    with client(url, number) as once:
        once()
        start.wait()
        count, cpu, until = 0, time.process_time(), time.monotonic() + seconds
        while time.monotonic() < until:
            once()
            count += 1
        counts.put((count, time.process_time() - cpu))
        end.wait()  # its connection's process is counted until then


def _processor_seconds(server: OwnPostgresServer) -> float:
    times = [process.cpu_times() for process in psutil.Process(server.pid).children()]
    return sum(each.user + each.system for each in times)


@contextmanager
def _ledger(url: str) -> Iterator[StoredLedger]:
    with (
        TemporaryDirectory() as folder,
        Store.open(Settings(home=Path(folder), store={"url": url})) as store,
    ):
        yield StoredLedger(store.database, MOST)


@contextmanager
def _reserving(url: str, number: int) -> Iterator[Callable[[], str]]:
    with _ledger(url) as ledger:
        yield lambda: ledger.reserve(
            model="m", explanation=f"e{number}", calls=1, tokens=500, usd=1e-4
        )


@contextmanager
def _settling(url: str, number: int) -> Iterator[Callable[[], object]]:
    with _ledger(url) as ledger, _reserving(url, number) as reserve:
        yield lambda: ledger.settle(reserve(), tokens=400, usd=1e-4)


@contextmanager
def _inserting(url: str, number: int) -> Iterator[Callable[[], object]]:
    with psycopg.connect(url, autocommit=True) as connection:
        insert = f"INSERT INTO {SCHEMA}.reservations VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        row = ("2026-01-01", "m", f"e{number}", 1, 500, 1e-4, False)
        yield lambda: connection.execute(insert, (uuid.uuid4().hex, *row))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.ledger")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    wanted = parser.parse_args()
    with closing(durable_server()) as server:
        print(conditions(server))
        print_ledger(server, wanted.clients)


if __name__ == "__main__":
    main()
