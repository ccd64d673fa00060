"""The fifteen prompts of tests/data/driver_cases.json, and the place that a driver has."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.attribution.cases import Case
from benchmarks.attribution.measures import FUNCTION_WORDS

FILE = Path(__file__).parents[2] / "tests" / "data" / "driver_cases.json"


@dataclass(frozen=True)
class Place:
    """Of the driving word, from 1: among all words, and among the content words."""

    overall: float
    content: float


def load() -> list[Case]:
    """The cases, in the order of the file."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
    return [Case("plain", row["prompt"], row["answer"], (row["driver"],)) for row in rows]


def place(case: Case, values: Sequence[float]) -> Place:
    """The place of the case's driver by `values`, one per word; equal values share the mean."""
    [driver] = case.driving
    content = [
        value
        for k, (word, value) in enumerate(zip(case.words, values, strict=True))
        if k == driver or word.strip(".,;:!?").lower() not in FUNCTION_WORDS
    ]
    return Place(_place(values[driver], values), _place(values[driver], content))


def _place(value: float, among: Sequence[float]) -> float:
    larger = sum(1 for other in among if other > value)
    return larger + (sum(1 for other in among if other == value) + 1) / 2
