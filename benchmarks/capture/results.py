"""What capture adds to a call that returns something huge or deep, shape by shape.

`python -m benchmarks.capture.results SHAPE` measures one shape in this process and prints one
JSON object: the median and the 90th percentile of the added time, and the median of the processor
time of a call, which other work on the machine hardly touches; in milliseconds.
"""

import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

CALLS = int(os.environ.get("RESULT_CALLS", "100"))
MILLION = 1_000_000
MEGABYTES = 200


def _dictionary() -> Any:
    return {str(number): number for number in range(MILLION)}


def _array() -> Any:
    import numpy

    return numpy.arange(MILLION, dtype=float)


def _model() -> Any:
    from pydantic import BaseModel

    class Numbers(BaseModel):
        numbers: list[int]

    return Numbers(numbers=list(range(MILLION)))


def _models() -> Any:
    from pydantic import BaseModel

    class Number(BaseModel):
        number: int

    class Numbers(BaseModel):
        numbers: list[Number]

    return Numbers(numbers=[Number(number=number) for number in range(MILLION)])


@dataclasses.dataclass
class _Numbers:
    numbers: list[int]


def _deep() -> Any:
    nested: Any = 1
    for _ in range(900):
        nested = {"a": [nested, 2]}
    return nested


SHAPES: dict[str, Callable[[], Any]] = {
    "a short text": lambda: "An answer.",
    "list": lambda: list(range(MILLION)),
    "lists of a thousand": lambda: [list(range(1000)) for _ in range(MILLION // 1000)],
    "texts": lambda: [["some text"] * 1000] * (MILLION // 1000),
    "array": _array,
    "dict": _dictionary,
    "pydantic model": _model,
    "pydantic models": _models,
    "dataclass": lambda: _Numbers(list(range(MILLION))),
    "deeply nested": _deep,
    "200 MB of text": lambda: "some words, " * (MEGABYTES * 10**6 // 12),
    "200 MB of text, not ASCII": lambda: "è tutto qui " * (MEGABYTES * 10**6 // 12),
    "200 MB of bytes": lambda: bytes(MEGABYTES * 10**6),
}


def main() -> None:
    """Calls the function decorated and as it is, in turns."""
    import smile_trace

    value = SHAPES[sys.argv[1]]()

    def bare(prompt: str) -> Any:
        return value

    traced = smile_trace.trace(model="m", provider="p")(bare)

    def seconds(ask: Callable[[str], Any]) -> float:
        start = time.perf_counter()
        ask("a prompt")
        return time.perf_counter() - start

    for _ in range(5):
        seconds(traced)
    added, cpu = [], []
    for _ in range(CALLS):
        began = time.process_time()
        taken = seconds(traced)
        cpu.append((time.process_time() - began) * 1e3)
        added.append((taken - seconds(bare)) * 1e3)
    added.sort()
    p50, p90 = statistics.median(added), added[CALLS * 9 // 10]
    print(json.dumps({"p50": p50, "p90": p90, "cpu": statistics.median(cpu)}))


if __name__ == "__main__":
    main()
