"""A decorated call beside OpenTelemetry's, and 10 KB beside 240 bytes; the time of the imports.

`python -m benchmarks.capture.ratios` (variable `TURNS`). Each subject has a process of its own,
and they take turns of short blocks, so that what else the machine does hits all alike: a ratio is
the median over the turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TURNS = int(os.environ.get("TURNS", "50"))
PACED, TIGHT = {"calls": 60, "pause": 0.002}, {"calls": 1000, "pause": 0.0}
SHORT, LONG = 240, 10_240


class Subject:
    """A process with one subject loaded, waiting for blocks of calls."""

    def __init__(self, name: str, home: str, python: str = sys.executable) -> None:
        own = {"BENCH_HOME": home, "SMILE_TRACE_HOME": home, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.capture.measure", name],
            env={**os.environ, **own},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.load_seconds: float = self._answer()["load_seconds"]

    def block(self, characters: int, calls: int, pause: float) -> dict[str, float]:
        """Makes the calls, and gives their median and other figures."""
        assert self._process.stdin is not None
        block = {"characters": characters, "calls": calls, "pause": pause}
        print(json.dumps(block), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def subject(name: str, python: str = sys.executable) -> Iterator[Subject]:
    """A subject with a home of its own, warmed up."""
    with tempfile.TemporaryDirectory() as home:
        loaded = Subject(name, home, python)
        try:
            loaded.block(SHORT, 500, 0)
            yield loaded
        finally:
            loaded.end()


def rows() -> dict[str, tuple[float, float]]:
    """The figure of ours and what stands beside it, whose ratio is the median over the turns."""
    return {name: (ours[1], ours[1] / ratio) for name, ours, (_, ratio, _) in figures()}


def figures() -> Iterator[tuple[str, list[float], list[float]]]:
    """Each row's name, and the quartiles of our figure and of its ratio to what is beside it."""
    with subject("smile-trace") as ours, subject("opentelemetry") as theirs:

        def median(one: Subject, characters: int, how: dict[str, Any]) -> Callable[[], float]:
            return lambda: one.block(characters, **how)["p50"]

        for name, how in (("paced", PACED), ("tight loop", TIGHT)):
            short, beside = median(ours, SHORT, how), median(theirs, SHORT, how)
            yield f"decorated call, {name}, p50", *in_turns(short, beside)
            yield f"decorated call, 10 KB, {name}", *in_turns(median(ours, LONG, how), short)
    yield (
        "import smile_trace",
        *in_turns(
            lambda: import_seconds("smile_trace") * 1e3,
            lambda: import_seconds("opentelemetry.sdk.trace") * 1e3,
        ),
    )


def in_turns(
    ours: Callable[[], float], beside: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """The quartiles of the first, and of its ratio to the second, each taken once a turn."""
    ours(), beside()  # once for nothing
    pairs = [(ours(), beside()) for _ in range(TURNS)]
    first, ratios = [a for a, _ in pairs], [a / b for a, b in pairs]
    return statistics.quantiles(first, n=4), statistics.quantiles(ratios, n=4)


def import_seconds(module: str) -> float:
    """The time that a fresh interpreter takes to import a module, compiled before, less its own
    start."""
    code = f"import time; a = time.perf_counter(); import {module}; print(time.perf_counter() - a)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Prints a row a line: the median of ours, and the ratio with its quartiles."""
    for name, (_, ours, _), (low, ratio, high) in figures():
        unit = "ms" if name.startswith("import") else "µs"
        print(f"{name:34} {ours:7.1f} {unit}  {ratio:.2f} × ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
