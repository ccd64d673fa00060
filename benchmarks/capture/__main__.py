"""`make bench-capture`: every subject in a process of its own, in turns; two tables to stdout.

Each figure is the median of the rounds: what a usual call costs with each subject, and what ours
adds to one that returns a huge result. Opik gets an environment of its own, `.venv-bench`.
`RESULTS=only` leaves out the first table.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from itertools import product

from benchmarks.capture import ratios
from benchmarks.capture.ratios import ROOT, Subject, subject
from benchmarks.capture.results import SHAPES

ROUNDS = int(os.environ.get("ROUNDS", "3"))
PLAN = [
    *((subject, 240) for subject in ("bare", "opentelemetry", "smile-trace", "smile-trace off")),
    ("smile-trace", 10_240),
    ("mlflow", 240),
    ("opik", 240),
]


def python_for(subject: str) -> str | None:
    """The interpreter that has the subject; None where it cannot be installed."""
    if subject != "opik":
        return sys.executable
    python = ROOT / ".venv-bench" / "bin" / "python"
    if not python.exists():
        venv.create(ROOT / ".venv-bench", with_pip=True)
    install = [str(python), "-m", "pip", "install", "-q", "opik"]
    return str(python) if subprocess.run(install, check=False).returncode == 0 else None


def main() -> None:
    """Runs the plan and prints the tables."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    if os.environ.get("RESULTS") != "only":
        print_subjects()
    print_results()


def print_subjects() -> None:
    """What a usual call costs, and the ratios that we aim at."""
    runs: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    pythons = {name: python_for(name) for name, _ in PLAN}
    for _, (name, characters) in product(range(ROUNDS), PLAN):
        python = pythons[name]
        if python is not None:
            with subject(name, python) as loaded:
                runs.setdefault((name, characters), []).append(round_of(loaded, characters))
    print("| | prompt | paced p50 µs | paced p99 | tight p50 | CPU per call µs | RSS MB | load s |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, characters), found in runs.items():
        cells = (f"{statistics.median(column):,.2f}" for column in zip(*found, strict=True))
        print(f"| {name} | {characters:,} | {' | '.join(cells)} |")
    print()
    ratios.main()
    print()


def round_of(loaded: Subject, characters: int) -> tuple[float, ...]:
    """The cells of one round of a subject."""
    paced, tight = (loaded.block(characters, *how) for how in ((2000, 0.002), (5000, 0)))
    cells = paced["p50"], paced["p99"], tight["p50"], paced["cpu"], tight["rss_mb"]
    return *cells, loaded.load_seconds


def print_results() -> None:
    """What ours adds to a call that returns a huge result: goal ≤ 5 ms in the median."""
    print("| result | added p50 ms | added p90 | CPU p50 |")
    print("|---|---|---|---|")
    for shape in SHAPES:
        runs = [result_of(shape) for _ in range(ROUNDS)]
        cells = (statistics.median(run[name] for run in runs) for name in ("p50", "p90", "cpu"))
        print(f"| {shape} | {' | '.join(f'{cell:,.2f}' for cell in cells)} |", flush=True)


def result_of(shape: str) -> dict[str, float]:
    """One round of one shape of result."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.capture.results", shape],
            env={**os.environ, "SMILE_TRACE_HOME": home, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            cwd=home,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
