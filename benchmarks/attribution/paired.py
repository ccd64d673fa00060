"""Differences of two methods case by case, with the luck of which cases were drawn."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribution.stored_rows import Row

DRAWS = 10_000


@dataclass(frozen=True)
class Difference:
    """The mean over cases of one method's value less another's, with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def bootstrap(values: NDArray[np.float64]) -> Difference:
    """The mean of the cases' values and its interval, the cases drawn again."""
    drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return Difference(float(values.mean()), float(low), float(high))


def difference(rows: Sequence[Row], field: str, ours: str, peer: str) -> Difference | None:
    """Ours less the peer's, over the cases for which both have a value: each the mean over its
    seeds. None where there is no such case."""
    of_case: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        value = {**row, **(row["hits"] or {})}.get(field)
        if value is not None:
            of_case[row["case"]][row["explainer"]].append(float(value))
    both = [of for of in of_case.values() if ours in of and peer in of]
    if not both:
        return None
    return bootstrap(np.array([np.mean(of[ours]) - np.mean(of[peer]) for of in both]))
