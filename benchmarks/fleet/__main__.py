"""`make bench-fleet`: workers beside one (`workers`), an idle fleet, and reservations a second of
PostgreSQL's ledger (`ledger`), on a server of its own, which waits for the disk as one in
production does.
"""

import argparse
from contextlib import closing

from benchmarks.fleet.ledger import print_ledger
from benchmarks.fleet.server import conditions, durable_server
from benchmarks.fleet.workers import print_idle, print_rates


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="make bench-fleet")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--calls", type=int, default=80, help="explained by the largest fleet")
    wanted = parser.parse_args()
    with closing(durable_server()) as server:
        print(conditions(server))
        print_rates(server, wanted.calls)
        print_idle(server, 4)
        print_ledger(server, wanted.clients)


if __name__ == "__main__":
    main()
