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
from pathlib import Path
from typing import Any

from benchmarks.capture.results import SHAPES

ROOT = Path(__file__).parents[2]
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


def measure(python: str, *command: str) -> dict[str, Any]:
    """One round of one subject, or of one shape of result."""
    with tempfile.TemporaryDirectory() as home:
        own = {"BENCH_HOME": home, "SMILE_TRACE_HOME": home, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [python, "-m", *command],
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=True,
            cwd=home,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def import_seconds(module: str) -> float:
    """The median time that a fresh interpreter takes to import a module, less its own start."""
    code = f"import time; a = time.perf_counter(); import {module}; print(time.perf_counter() - a)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(9)
    ]
    return statistics.median(runs)


def main() -> None:
    """Runs the plan and prints the tables."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    if os.environ.get("RESULTS") != "only":
        print_subjects()
    print_results()


def print_subjects() -> None:
    """What a usual call costs."""
    pythons = {subject: python_for(subject) for subject, _ in PLAN}
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(ROUNDS):
        for subject, characters in PLAN:
            python = pythons[subject]
            if python is not None:
                run = measure(python, "benchmarks.capture.measure", subject, str(characters))
                runs.setdefault((subject, characters), []).append(run)
    print("| | prompt | paced p50 µs | paced p99 | tight p50 | CPU per call µs | RSS MB | load s |")
    print("|---|---|---|---|---|---|---|---|")
    for (subject, characters), found in runs.items():
        figures = (
            statistics.median(run["paced"]["p50"] for run in found),
            statistics.median(run["paced"]["p99"] for run in found),
            statistics.median(run["tight"]["p50"] for run in found),
            statistics.median(run["cpu"] for run in found),
            statistics.median(run["rss_mb"] for run in found),
        )
        loaded = statistics.median(run["load_seconds"] for run in found)
        cells = " | ".join(f"{figure:,.1f}" for figure in figures)
        print(f"| {subject} | {characters:,} | {cells} | {loaded:.2f} |")
    ours, theirs = import_seconds("smile_trace"), import_seconds("opentelemetry.sdk.trace")
    print(f"\nimport smile_trace {ours * 1e3:.0f} ms, import opentelemetry.sdk.trace ", end="")
    print(f"{theirs * 1e3:.0f} ms ({ours / theirs:.2f} ×)\n")


def print_results() -> None:
    """What ours adds to a call that returns a huge result: goal ≤ 5 ms in the median."""
    print("| result | added p50 ms | added p90 | CPU p50 |")
    print("|---|---|---|---|")
    for shape in SHAPES:
        runs = [measure(sys.executable, "benchmarks.capture.results", shape) for _ in range(ROUNDS)]
        cells = (statistics.median(run[name] for run in runs) for name in ("p50", "p90", "cpu"))
        print(f"| {shape} | {' | '.join(f'{cell:,.2f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
