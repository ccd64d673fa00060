"""The tables of the driver cases in the README.

    python -m benchmarks.drivers                # everything
    python -m benchmarks.drivers text sampled   # some parts (probability, text, sampled)
    python -m benchmarks.drivers report         # the tables again, from the kept rows

Asks the packaged model some 15,000 times, the shortest prompts first. Every case is written down
as soon as it is done, and is not made again: delete lines of `results/*.jsonl`, or a file, to have
them anew. What the model answered is kept as well (`.bench-cache/`), so that a second run, after
a change of the method, takes minutes.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.attribution.cases import Case
from benchmarks.attribution.scores import Scores
from benchmarks.attribution.stored_rows import line
from benchmarks.drivers import cases, greedy, report, sampled
from benchmarks.drivers.samples import Samples

RESULTS = Path(__file__).parent / "results"
FOUND, SAMPLED = TypeAdapter(greedy.Found), TypeAdapter(sampled.Sampled)


def probability(todo: Sequence[Case]) -> Iterable[greedy.Found]:
    """How much of the answer's probability is left, at most 32 calls."""
    with closing(Scores()) as scores:
        yield from greedy.run(todo, "probability", (32,), scores)


def text(todo: Sequence[Case]) -> Iterable[greedy.Found]:
    """How much of the answer is still said, at most 32 and 40 calls."""
    with closing(Scores()) as scores:
        yield from greedy.run(todo, "text", (32, 40), scores)


def at_temperature(todo: Sequence[Case]) -> Iterable[sampled.Sampled]:
    """The same at temperature .8, beside temperature 0."""
    with closing(Scores()) as scores, closing(Samples(sampled.TEMPERATURE)) as samples:
        yield from sampled.run(todo, scores, samples)


PARTS: dict[str, Callable[[Sequence[Case]], Iterable[Any]]] = {
    "probability": probability,
    "text": text,
    "sampled": at_temperature,
}


def main() -> None:
    """Make the rows of the parts that are asked for, then write the tables from all rows."""
    todo = sorted(cases.load(), key=lambda case: len(case.words))
    for name in sys.argv[1:] or PARTS:
        if name != "report":
            keep(name, todo)
    report.write(
        [FOUND.validate_json(row) for name in ("probability", "text") for row in kept(name)],
        [SAMPLED.validate_json(row) for row in kept("sampled")],
    )


def keep(name: str, todo: Sequence[Case]) -> None:
    """Make the rows of a part that are not there yet, and write each when it comes."""
    RESULTS.mkdir(exist_ok=True)
    done = {json.loads(row)["prompt"] for row in kept(name)}
    started = time.monotonic()
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        for row in PARTS[name]([case for case in todo if case.prompt not in done]):
            print(line(asdict(row)), file=file, flush=True)
            print(f"{name}: {time.monotonic() - started:.0f} s, {row.prompt}", flush=True)


def kept(name: str) -> list[bytes]:
    """The rows of a part, one a line; none where it has not been run."""
    path = RESULTS / f"{name}.jsonl"
    return path.read_bytes().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
