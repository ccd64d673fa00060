"""The rows of delivery in the table of `benchmarks.limit`: some minutes for both.

`python -m benchmarks.delivery.limit` prints them.
"""

import json
import tempfile
from pathlib import Path

from benchmarks.delivery import memory
from benchmarks.delivery.__main__ import GOALS, filled, needed, rate

BLOCK, BLOCKS, LATENCY = 500, 3, 0.02
WAITING, SECONDS = 100_000, 90


def rates() -> dict[str, tuple[float, float]]:
    """Traces a second to each tracker, and by its requests sent bare, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        filled(home, needed(BLOCK, BLOCKS))
        found = {name: rate(name, home, BLOCK, BLOCKS, LATENCY) for name in GOALS}
    return {
        f"delivery to {name}": (one["per_second"], one["bare_per_second"])
        for name, one in found.items()
    }


def most_memory() -> dict[str, tuple[float, None]]:
    """The most megabytes of a worker while so many traces wait for each of seven trackers."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        filled(home, WAITING)
        peak = memory.measure(home, LATENCY, SECONDS)["peak_mb"]
    return {"memory, all trackers, 100,000 traces waiting": (peak, None)}


if __name__ == "__main__":
    print(json.dumps({**rates(), **most_memory()}, indent=1))
