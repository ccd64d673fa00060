"""`python -m benchmarks.drift`: false alarms over 200 periods where nothing changes, and how soon a
swapped model is found. RUNS=2000 of each; `--write` puts the tables into the README."""

import os
import sys
from functools import partial
from itertools import product
from multiprocessing import Pool

from benchmarks import pages
from benchmarks.drift.planted import World, first_alarm_of
from smile_trace.probes.inference import Count, rate_interval

ERROR, PERIODS, SOON = 0.05, 200, 3
NOISES = (0.0, 0.05, 0.1, 0.2, 0.4)
AT = (0, 10, 100)


def main() -> None:
    """Measure, print and write."""
    runs = int(os.environ.get("RUNS", "2000"))
    rows = [
        f"| other answers | false alarms in {PERIODS} periods, each request as often as the others "
        "| each differently often |",
        "|---|---|---|",
    ]
    with Pool() as pool:
        for noise in NOISES:
            cells = []
            for equal in (True, False):
                world = World(noise, equal=equal)
                false = [one is not None for one in pool.map(_one(world, PERIODS), range(runs))]
                cells.append(_told(false))
            rows.append(f"| {noise:.0%} | {' | '.join(cells)} |")
            print(rows[-1], flush=True)
        periods = " | ".join(f"in period {at + 1}" for at in AT)
        rows += [
            "",
            f"| before | after the change | found within {SOON} periods, {periods} |",
            "|---|---|---|---|---|",
        ]
        for noise, swapped in product(NOISES[:3], (0.3, 0.5, 0.8)):
            cells = []
            for at in AT:
                world = World(noise, swapped=swapped, at=at)
                found = pool.map(_one(world, at + SOON), range(runs))
                cells.append(_told([one is not None and one >= at for one in found]))
            rows.append(f"| {noise:.0%} | {swapped:.0%} | {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    if "--write" in sys.argv:
        pages.put("\n".join(rows), pages.readme(__file__), "drift")


def _one(world: World, periods: int) -> "partial[int | None]":
    return partial(first_alarm_of, world, periods=periods, error=ERROR)


def _told(seen: list[bool]) -> str:
    count = Count(sum(seen), len(seen))
    low, high = rate_interval(count, ())
    return f"{count.rate:.1%} [{low:.1%}, {high:.1%}]"


if __name__ == "__main__":
    main()
