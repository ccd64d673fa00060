"""`make bench-fleet`: workers beside one (`workers`), an idle fleet, and reservations a second of
PostgreSQL's ledger with 1, 4 and 16 processes.

A server of its own is started, which waits for the disk as one in production does. Every client
reserves for an explanation of its own, under one cap per day, model and explanation; in the second
column it also settles each reservation.
"""

import argparse
import time
from contextlib import closing
from multiprocessing import Barrier, Process, Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.fleet.server import conditions, durable_server
from benchmarks.fleet.workers import print_idle, print_rates
from smile_trace.settings import Budget, Settings
from smile_trace.store import Store
from smile_trace.store.spending.ledger import StoredLedger


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench-fleet")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--calls", type=int, default=80, help="explained by the largest fleet")
    wanted = parser.parse_args()
    with closing(durable_server()) as server:
        print(conditions(server))
        print_rates(server, wanted.calls)
        print_idle(server, 4)
        print("\n| clients | reservations/s | reserved and settled/s |")
        print("|--:|--:|--:|")
        for clients in wanted.clients:
            rates = [
                _rate(server.new_database(), clients, wanted.seconds, settles)
                for settles in (False, True)
            ]
            print(f"| {clients} | {rates[0]:,.0f} | {rates[1]:,.0f} |", flush=True)


def _rate(url: str, clients: int, seconds: float, settles: bool) -> float:
    """Reservations a second of so many clients together."""
    start, counts = Barrier(clients), Queue()
    running = [
        Process(target=_client, args=(url, number, seconds, settles, start, counts))
        for number in range(clients)
    ]
    for process in running:
        process.start()
    total = sum(counts.get() for _ in running)
    for process in running:
        process.join()
    with (
        TemporaryDirectory() as folder,
        Store.open(Settings(home=Path(folder), store={"url": url})) as store,
    ):
        assert store.status().spent.calls == total
    return total / seconds


def _client(url: str, number: int, seconds: float, settles: bool, start: Any, counts: Any) -> None:
    with (
        TemporaryDirectory() as folder,
        Store.open(Settings(home=Path(folder), store={"url": url})) as store,
    ):
        budget = Budget(
            calls_per_day=10**9,
            calls_per_explanation=10**9,
            usd_per_day=1e9,
            usd_per_explanation=1e9,
        )
        kept, count = StoredLedger(store.database, budget), 0
        start.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            reservation = kept.reserve(
                model="m", explanation=f"e{number}", calls=1, tokens=500, usd=1e-4
            )
            if settles:
                kept.settle(reservation, tokens=400, usd=1e-4)
            count += 1
        counts.put(count)


if __name__ == "__main__":
    main()
