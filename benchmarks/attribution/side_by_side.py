"""The real model: every explainer on every short case, at the same numbers of calls, in one run."""

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np

from benchmarks.attribution import measures
from benchmarks.attribution.cases import Case, load
from benchmarks.attribution.exact import MAX_WORDS, Exact, exact
from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Masks, Question
from benchmarks.attribution.scores import Scores
from benchmarks.attribution.stored_rows import Piece, Row
from smile_trace.records import Signal

CALLS: dict[Signal, int] = {"probability": 32, "text": 40}

SEEDS = (0, 1, 2)
"""Of cases whose every mask is asked anyway; the others have the first seed."""

SHORT = range(31)
"""Words of a short case: every word is a player of every explainer."""


@dataclass(frozen=True)
class Found:
    """One explainer on one case."""

    split: str
    kind: str
    case: int
    signal: Signal
    calls_allowed: int
    explainer: str
    version: str
    seed: int
    calls: int
    seconds: float
    hits: dict[str, float] | None
    correlation: float | None
    """With the exact values of smile-trace's estimand."""
    own_correlation: float | None
    """With the exact values of what the explainer claims to estimate."""
    lds: float | None
    lds_half: float | None
    """On masks that retain each word with probability .5, context-cite's design."""
    deletion: float | None


def run(
    explainers: Sequence[Explainer],
    split: str,
    signal: Signal,
    calls: int,
    scores: Scores,
    seeds: Sequence[int] = SEEDS,
    lengths: range = SHORT,
) -> Iterator[Piece]:
    """Every explainer that takes the signal, on the cases of these lengths, in words."""
    for number, case in enumerate(load(split)):
        if len(case.words) not in lengths:
            continue
        asked = Asked(split, number, case, signal, scores)
        key = {"split": split, "case": number, "signal": signal}
        if asked.short:
            yield Piece({**key, "calls_allowed": 0}, asked.exact_rows)
        for explainer in explainers:
            if signal in explainer.signals:
                make = partial(asked.rows, explainer, calls, seeds if asked.short else seeds[:1])
                yield Piece({**key, "explainer": explainer.name}, make)


@dataclass(frozen=True)
class Asked:
    """A case under one signal; what costs calls is found when it is first needed."""

    split: str
    number: int
    case: Case
    signal: Signal
    scores: Scores

    @property
    def short(self) -> bool:
        """Whether all masks are asked."""
        return len(self.case.words) <= MAX_WORDS[self.signal]

    @cached_property
    def question(self) -> Question:
        """Why this answer?"""
        return Question(self.case, self.signal, self.scores)

    @cached_property
    def truth(self) -> Exact | None:
        """The exact values, of a short case."""
        return exact(self.question) if self.short else None

    def rows(self, explainer: Explainer, calls: int, seeds: Sequence[int]) -> list[Row]:
        """One explainer, with each seed."""
        return [asdict(self._one(explainer, calls, seed)) for seed in seeds]

    def exact_rows(self) -> list[Row]:
        """What the exact values themselves reach: no estimator does better but by luck."""
        assert self.truth is not None
        return [
            asdict(self._measured(f"exact {name}", values, self.question, calls_allowed=0))
            for name, values in asdict(self.truth).items()
        ]

    def _one(self, explainer: Explainer, allowed: int, seed: int) -> Found:
        question, started = self.question.again(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.asarray(explainer.explain(question, allowed, seed), dtype=float)
        spent = time.process_time() - started
        own = getattr(self.truth, explainer.estimand) if self.truth and explainer.estimand else None
        return self._measured(
            explainer.name,
            found,
            question,
            own,
            version=explainer.version,
            calls_allowed=allowed,
            seed=seed,
            seconds=spent if question.seconds is None else question.seconds,
            additive=explainer.additive,
        )

    def _measured(
        self,
        name: str,
        found: Array,
        question: Question,
        own: Array | None = None,
        *,
        calls_allowed: int,
        version: str = "",
        seed: int = 0,
        seconds: float = 0.0,
        additive: bool = True,
    ) -> Found:
        """`own`: the exact values of what the explainer claims to estimate."""
        masks, fresh = measures.held_out_masks(question.size), question.again()

        def lds(some: Masks) -> float | None:
            return measures.linear_datamodeling_score(fresh, found, some) if additive else None

        return Found(
            split=self.split,
            kind=self.case.kind,
            case=self.number,
            signal=self.signal,
            calls_allowed=calls_allowed,
            explainer=name,
            version=version,
            seed=seed,
            calls=len(question.asked),
            seconds=seconds,
            hits=measures.hits(self.case, question.players, found),
            correlation=measures.correlation(found, self.truth.smile_trace) if self.truth else None,
            own_correlation=measures.correlation(found, own) if own is not None else None,
            lds=lds(masks),
            lds_half=lds(masks[::2]),
            deletion=measures.deletion(fresh, found),
        )
