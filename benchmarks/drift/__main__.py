"""`python -m benchmarks.drift`: false alarms over 200 periods where nothing changes, and how soon a
swapped model is found. RUNS=2000 of each; `--write` puts the tables into docs/benchmarks.md."""

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


def main() -> None:
    """Measure, print and write."""
    runs = int(os.environ.get("RUNS", "2000"))
    rows = [
        "| other answers before | in each case | after the change | in period "
        f"| false alarms in {PERIODS} periods | found within {SOON} periods |",
        "|---|---|---|---|---|---|",
    ]
    unchanged = [World(noise) for noise in NOISES] + [
        World(noise, equal=True) for noise in NOISES[1:]
    ]
    with Pool() as pool:
        for world in unchanged:
            false = [one is not None for one in pool.map(_one(world, PERIODS), range(runs))]
            rows.append(_row(world, _told(false), ""))
            print(rows[-1], flush=True)
        for noise, swapped, at in product(NOISES[:3], (0.3, 0.5, 0.8), (0, 10, 100)):
            world = World(noise, swapped=swapped, at=at)
            found = pool.map(_one(world, at + SOON), range(runs))
            right = [one is not None and one >= at for one in found]
            rows.append(_row(world, "", _told(right)))
            print(rows[-1], flush=True)
    if "--write" in sys.argv:
        pages.put("\n".join(rows), "benchmarks.md", "drift")


def _one(world: World, periods: int) -> "partial[int | None]":
    return partial(first_alarm_of, world, periods=periods, error=ERROR)


def _told(seen: list[bool]) -> str:
    count = Count(sum(seen), len(seen))
    low, high = rate_interval(count, ())
    return f"{count.rate:.1%} ({low:.1%} to {high:.1%})"


def _row(world: World, false: str, found: str) -> str:
    after = "nothing changes" if world.swapped is None else f"{world.swapped:.0%}"
    when = "" if world.swapped is None else world.at + 1
    alike = "as often" if world.equal else "differently often" if world.noise else ""
    cells = f"{world.noise:.0%}", alike, after, when, false, found
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
