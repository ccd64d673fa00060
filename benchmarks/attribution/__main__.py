"""The command.

    python -m benchmarks.attribution            # ask, measure, write the tables and plots
    python -m benchmarks.attribution planted    # one part (held_out, tuning, contexts)
    python -m benchmarks.attribution report     # the tables and plots again, from the kept rows

What the model answered is kept by exact text (`.bench-cache`), so a second run asks only what is
new. QUICK=1 takes a tenth and prints its rows instead of writing anything.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.attribution import contexts, planted, report, side_by_side
from benchmarks.attribution.cases import SPLITS
from benchmarks.attribution.peers.registry import EXPLAINERS
from benchmarks.attribution.scores import Scores

Rows = Callable[[Scores], Iterable[dict[str, Any]]]

RESULTS = Path(__file__).parent / "results"
REPLICATES = 4
CONTEXT_CALLS = 40


def short(split: str) -> Rows:
    """The prompts whose every word can be a player, by both signals."""
    return lambda scores: (
        row
        for signal, calls in side_by_side.CALLS.items()
        for row in side_by_side.run(EXPLAINERS, split, signal, calls, scores)
    )


def long(scores: Scores) -> Iterable[dict[str, Any]]:
    """The contexts of both halves."""
    for split in reversed(SPLITS):
        yield from contexts.run(EXPLAINERS, split, CONTEXT_CALLS, scores)


PARTS: dict[str, Rows] = {
    "held_out": short("held_out"),
    "tuning": short("tuning"),
    "contexts": long,
    "planted": lambda _: planted.run(EXPLAINERS, REPLICATES),
}


def quick(scores: Scores) -> Iterable[dict[str, Any]]:
    """A tenth: the shortest prompts, one number of calls, one draw of each planted world."""
    for split in SPLITS:
        yield from side_by_side.run(
            EXPLAINERS, split, "probability", 32, scores, seeds=(0,), lengths=range(6)
        )
    yield from planted.run(EXPLAINERS, 1, calls=(32,))


def keep(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write rows, one JSON object a line, and say how far it is."""
    path.parent.mkdir(exist_ok=True)
    started, lines = time.monotonic(), []
    for row in rows:
        lines.append(json.dumps(_short_numbers(row)))
        if len(lines) % 50 == 0:
            print(f"{path.stem}: {len(lines)} rows, {time.monotonic() - started:.0f} s", flush=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _short_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _short_numbers(inner) for key, inner in value.items() if key != "scores"}
    return value


def main() -> None:
    """The command."""
    if os.environ.get("QUICK") == "1":
        with closing(Scores()) as scores:
            for row in quick(scores):
                print(json.dumps(_short_numbers(row)), flush=True)
        return
    wanted = sys.argv[1:] or PARTS
    with closing(Scores()) as scores:
        for name, rows in PARTS.items():
            if name in wanted:
                keep(rows(scores), RESULTS / f"{name}.jsonl")
    kept = {name: report.read(RESULTS / f"{name}.jsonl") for name in PARTS}
    report.write(kept["held_out"] + kept["tuning"], kept["contexts"], kept["planted"])


if __name__ == "__main__":
    main()
