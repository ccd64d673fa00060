"""`python -m benchmarks.drivers`: the tables of the driver cases in docs/method.md.

Asks the packaged model some 25,000 times (a thousand seconds a core and more); what it
answered is kept in `.bench-cache/`, so that a second run, after a change of the method, takes
minutes. Writes everything as JSON Lines beside this file.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.attribution.scores import Scores
from benchmarks.drivers import cases, greedy, report, sampled
from benchmarks.drivers.samples import Samples
from smile_trace.records import Signal

RESULTS = Path(__file__).parent / "results"
BUDGETS: dict[Signal, tuple[int, ...]] = {"probability": (32,), "text": (32, 40)}

T = TypeVar("T", greedy.Found, sampled.Sampled)


def main() -> None:
    """Ask, measure, keep everything, write the tables."""
    scores, samples = Scores(), Samples(sampled.TEMPERATURE)
    found = [
        one
        for signal, budgets in BUDGETS.items()
        for one in kept(greedy.run(cases.load(), signal, budgets, scores), f"greedy_{signal}")
    ]
    warm = kept(sampled.run(cases.load(), scores, samples), "sampled")
    scores.close()
    samples.close()
    report.write(found, warm)


def kept(found: Iterable[T], name: str) -> list[T]:
    """All of them, also written down; says how far it is."""
    rows = []
    for one in found:
        print(f"{name}: {one.prompt}", file=sys.stderr, flush=True)
        rows.append(one)
    RESULTS.mkdir(exist_ok=True)
    lines = [json.dumps(_short_numbers(asdict(row))) for row in rows]
    (RESULTS / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return rows


def _short_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _short_numbers(inner) for key, inner in value.items()}
    return [_short_numbers(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
