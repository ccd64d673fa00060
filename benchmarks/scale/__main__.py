"""`make bench-scale`: the tables of docs/scale.md.

    python -m benchmarks.scale                        # on paper, from the measured figures
    python -m benchmarks.scale --calls 10000000       # and so many calls in PostgreSQL
    python -m benchmarks.scale --calls 10000000 --sqlite 1000000

A million calls take some 1.1 GB of disk, and two to ten minutes to make.
"""

import argparse
import os
from pathlib import Path

from benchmarks import pages
from benchmarks.scale import paper, store

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def main() -> None:
    """Print the tables, and put them into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--calls", type=int, default=0, help="in PostgreSQL")
    parser.add_argument("--sqlite", type=int, default=0, help="in SQLite")
    asked = parser.parse_args()
    made = {"rates": paper.rates(), "processes": paper.processes(), "machine": paper.machine()}
    found = {}
    if asked.calls:
        found[f"PostgreSQL, {asked.calls:,} calls"] = store.of_postgresql(asked.calls)
    if asked.sqlite:
        found[f"SQLite, {asked.sqlite:,} calls"] = store.of_sqlite(asked.sqlite)
    if found:
        load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"
        made["store"] = f"{store.table(found)}\n\n{load}."
    for name, text in made.items():
        print(f"{text}\n")
        pages.put(text, PAGE, name)


if __name__ == "__main__":
    main()
