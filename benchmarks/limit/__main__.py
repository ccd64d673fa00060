"""`make bench-limit`: how near the limit each part is; writes the table of its README.

Each measurement runs three times (`--runs`), in a process of its own, on a machine that should be
quiet: what other processes take of the processors is measured before and during each, and a row
where it was above a tenth is marked. The figures are kept in `benchmarks/limit/results.json` as
soon as they are there; with `--only` the rows of the other measurements stay as they are.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.limit import table
from benchmarks.limit.others import adopt_orphans, watched, while_idle
from benchmarks.limit.rows import MEASUREMENTS, measure


def run_once(name: str) -> dict[str, Any]:
    """One run of a measurement in a process of its own, and what else went on meanwhile."""
    before = while_idle(2)
    spawn = multiprocessing.get_context("spawn")
    with watched() as others, ProcessPoolExecutor(1, mp_context=spawn) as pool:
        pairs = pool.submit(measure, name).result()
    return {"pairs": pairs, "others_before": before, "others": others.value}


def machine() -> str:
    """What it ran on."""
    model = platform.processor() or platform.machine()
    return f"Python {platform.python_version()}, {os.cpu_count()} processors ({model})"


def commit() -> str:
    """The commit that is measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main() -> int:
    """Measure, keep, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the measurements' names")
    given = parser.parse_args()
    adopt_orphans()
    failed, measured = 0, commit()  # before the figures themselves change the checkout
    done: dict[str, list[dict[str, Any]]] = {}
    for number in range(given.runs):
        for name in (each for each in MEASUREMENTS if given.only in each):
            try:
                run = run_once(name)
            except Exception:  # noqa: BLE001 - the other rows are measured all the same
                traceback.print_exc()
                failed = 1
                continue
            print(name, number + 1, json.dumps(run), flush=True)
            done.setdefault(name, []).append(run)
            table.keep(name, {"machine": machine(), "commit": measured, "runs": done[name]})
    table.write()
    return failed


if __name__ == "__main__":
    sys.exit(main())
