"""`make bench-capture`: every subject in a process of its own, in turns; a table to stdout.

Each figure is the median of the rounds. Opik gets an environment of its own, `.venv-bench`.
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

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PLAN = [
    *((subject, 240) for subject in ("bare", "opentelemetry", "smile-trace", "smile-trace off")),
    ("smile-trace", 10_240),
    *((f"million {what}", 240) for what in ("numbers", "keys", "texts")),
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


def measure(python: str, subject: str, characters: int) -> dict[str, Any]:
    """One round of one subject."""
    with tempfile.TemporaryDirectory() as home:
        own = {"BENCH_HOME": home, "SMILE_TRACE_HOME": home, "PYTHONPATH": str(ROOT)}
        command = [python, "-m", "benchmarks.capture.measure", subject, str(characters)]
        done = subprocess.run(
            command, env={**os.environ, **own}, capture_output=True, text=True, check=True, cwd=home
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
    """Runs the plan and prints the table."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    pythons = {subject: python_for(subject) for subject, _ in PLAN}
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(ROUNDS):
        for subject, characters in PLAN:
            python = pythons[subject]
            if python is not None:
                runs.setdefault((subject, characters), []).append(
                    measure(python, subject, characters)
                )
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
    print(f"{theirs * 1e3:.0f} ms ({ours / theirs:.2f} ×)")


if __name__ == "__main__":
    main()
