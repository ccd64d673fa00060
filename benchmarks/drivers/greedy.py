"""Temperature 0: is the driver found as often as the exact values put it first?"""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.attribution.cases import Case
from benchmarks.attribution.measures import correlation
from benchmarks.attribution.question import Array, Question
from benchmarks.attribution.scores import Scores
from benchmarks.drivers.cases import Place, place
from benchmarks.drivers.exact import exact
from benchmarks.drivers.studies import attributions, explain
from smile_trace.records import Signal

SEEDS = range(10)
SHORT = 9
"""Words up to which the rank correlation counts."""


@dataclass(frozen=True)
class Found:
    """One case under one signal at one budget; the lists have one entry per seed."""

    prompt: str
    driver: str
    words: int
    signal: Signal
    budget: int
    calls: list[int]
    exact: list[float]
    exact_place: Place
    places: list[Place]
    correlations: list[float | None]

    @property
    def place(self) -> Place:
        """The median over the seeds."""
        return Place(
            statistics.median(p.overall for p in self.places),
            statistics.median(p.content for p in self.places),
        )

    @property
    def correlation(self) -> float:
        """Spearman's with the exact values, equal values at their mean rank; median over seeds."""
        return statistics.median(c or 0.0 for c in self.correlations)


def run(
    cases: Iterable[Case],
    signal: Signal,
    budgets: Sequence[int],
    scores: Scores,
    seeds: Sequence[int] = SEEDS,
) -> Iterator[Found]:
    """Every case at every budget, in calls."""
    for case in cases:
        question = Question(case, signal, scores)
        truth = exact(question)
        yield from [  # all of them, or none where it is cut
            _found(case, question, truth, budget, scores, seeds) for budget in budgets
        ]


def _found(
    case: Case,
    question: Question,
    truth: Array,
    budget: int,
    scores: Scores,
    seeds: Sequence[int],
) -> Found:
    explained = [
        explain(case, question.signal, scores, answer=question.answer, budget=budget, seed=seed)
        for seed in seeds
    ]
    values = [np.array(attributions(one)) for one in explained]
    return Found(
        prompt=case.prompt,
        driver=case.drivers[0],
        words=question.size,
        signal=question.signal,
        budget=budget,
        calls=[len({o.text_hash for o in one.perturbations}) for one in explained],
        exact=truth.tolist(),
        exact_place=place(case, truth.tolist()),
        places=[place(case, found.tolist()) for found in values],
        correlations=[correlation(found, truth) for found in values],
    )
