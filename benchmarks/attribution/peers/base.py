"""What an explainer is here: a function from a question, a number of calls and a seed to scores."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from benchmarks.attribution.question import Array, Question, TooMany
from smile_trace.records import Signal

Explain = Callable[[Question, int, int], Array]
"""(question, calls, seed) → how much each player supports the answer, shape (players,)."""

Estimand = Literal["smile_trace", "shapley", "banzhaf", "leave_one_out", "banzhaf_logit", ""]


@dataclass(frozen=True)
class Explainer:
    """An adapter.

    `estimand` names what it claims to estimate (`exact.Exact`), "" where that is none of them;
    `additive` says that a sum of its scores predicts an answer change.
    """

    name: str
    package: str
    estimand: Estimand
    explain: Explain
    signals: tuple[Signal, ...] = ("probability", "text")
    additive: bool = True

    @property
    def version(self) -> str:
        """The version that is installed."""
        return version(self.package)


def at_most(
    question: Question, calls: int, run: Callable[[Question, int], Array], most: float = 4
) -> Array:
    """The run with the most samples whose distinct texts are at most `calls`.

    On short prompts a sampler draws the same text again; a call is a text, so it may draw on,
    up to `most` times as many samples as calls.
    """
    sizes = [round(calls * factor) for factor in (1.0, 1.25, 1.5, 2.0, 3.0, 4.0) if factor <= most]
    return last_within(
        question, calls, [lambda q, samples=samples: run(q, samples) for samples in sizes]
    )


def last_within(
    question: Question, calls: int, runs: Iterable[Callable[[Question], Array]]
) -> Array:
    """The last of these runs, each larger than the one before, that asks at most `calls` texts.

    Where already the first asks more, that one.
    """
    scores: Array | None = None
    for run in runs:
        trial = question.again()
        trial.limit = None if scores is None else calls
        started = time.process_time()
        try:
            scores = run(trial)
        except TooMany:
            break
        question.asked, question.seconds = trial.asked, time.process_time() - started
        if len(trial.asked) > calls:
            break
    assert scores is not None
    return scores
