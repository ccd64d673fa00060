"""Memory over a million calls: `python -m benchmarks.capture.memory` (variable `CALLS`).

Files that are full are removed on the way, as the worker does it.
"""

import os
import tempfile
from pathlib import Path

from benchmarks.capture.subjects import smile_trace

CALLS = int(os.environ.get("CALLS", "1000000"))
STEPS = 10
PROMPT = "The quick brown fox - jumps over the lazy dog (twice, as it likes to); and it rests. " * 3


def resident_mb() -> float:
    """What this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Prints the calls made and the MB held, a tenth at a time."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["SMILE_TRACE_HOME"] = home
        ask = smile_trace()
        for number in range(1000):
            ask(f"{number}: {PROMPT}")
        print(f"{1000:>9,} calls: {resident_mb():.1f} MB")
        for step in range(1, STEPS + 1):
            for number in range(CALLS // STEPS):
                ask(f"{number}: {PROMPT}")
            for path in sorted((Path(home) / "spool").glob("*.jsonl"))[:-1]:
                path.unlink()
            print(f"{step * CALLS // STEPS:>9,} calls: {resident_mb():.1f} MB", flush=True)


if __name__ == "__main__":
    main()
