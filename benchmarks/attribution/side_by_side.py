"""The real model: every explainer on every short case, at the same numbers of calls, in one run."""

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.attribution import measures
from benchmarks.attribution.cases import Case, load
from benchmarks.attribution.exact import MOST, Exact, exact
from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
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
    scores: list[float]
    hits: dict[str, float] | None
    correlation: float | None
    """With the exact values of smile-trace's estimand."""
    own_correlation: float | None
    """With the exact values of what the explainer claims to estimate."""
    lds: float | None
    lds_half: float | None
    """On masks that keep each word with probability .5, context-cite's design."""
    deletion: float | None
    failure: str = ""


def run(
    explainers: Sequence[Explainer],
    split: str,
    signal: Signal,
    calls: int,
    scores: Scores,
    seeds: Sequence[int] = SEEDS,
    lengths: range = SHORT,
) -> Iterator[dict[str, Any]]:
    """Every explainer that takes the signal, on the cases of these lengths, in words."""
    for number, case in enumerate(load(split)):
        if len(case.words) not in lengths:
            continue
        question = Question(case, signal, scores)
        truth = exact(question) if question.size <= MOST[signal] else None
        exact_rows = _exact_rows(split, number, case, question, truth)
        yield from (asdict(found) for found in exact_rows)
        for explainer in explainers:
            if signal not in explainer.signals:
                continue
            for seed in seeds if truth is not None else seeds[:1]:
                yield asdict(_one(explainer, split, number, question.again(), calls, seed, truth))


def _one(
    explainer: Explainer,
    split: str,
    number: int,
    question: Question,
    allowed: int,
    seed: int,
    truth: Exact | None,
) -> Found:
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(explainer.explain(question, allowed, seed), dtype=float)
    spent = time.process_time() - started
    seconds = spent if question.seconds is None else question.seconds
    own = getattr(truth, explainer.estimand) if truth and explainer.estimand else None
    return _measured(
        Found(
            split=split,
            kind=question.case.kind,
            case=number,
            signal=question.signal,
            calls_allowed=allowed,
            explainer=explainer.name,
            version=explainer.version,
            seed=seed,
            calls=len(question.asked),
            seconds=seconds,
            scores=[float(score) for score in found],
            hits=measures.hits(question.case, question.players, found),
            correlation=measures.correlation(found, truth.smile_trace) if truth else None,
            own_correlation=measures.correlation(found, own) if own is not None else None,
            lds=None,
            lds_half=None,
            deletion=None,
        ),
        question,
        additive=explainer.additive,
    )


def _measured(found: Found, question: Question, *, additive: bool) -> Found:
    """With the measures that ask the model more."""
    fresh, scores = question.again(), np.array(found.scores)
    more: dict[str, Any] = {"deletion": measures.deletion(fresh, scores)}
    if additive:
        masks = measures.held_out_masks(fresh.size)
        for name, some in (("lds", masks), ("lds_half", masks[::2])):
            more[name] = measures.linear_datamodeling_score(fresh, scores, some)
    return Found(**{**asdict(found), **more})


def _exact_rows(
    split: str, number: int, case: Case, question: Question, truth: Exact | None
) -> Iterable[Found]:
    """What the exact values themselves reach: no estimator of them can do better but by luck."""
    if truth is None:
        return
    for estimand, values in asdict(truth).items():
        yield _measured(
            Found(
                split=split,
                kind=case.kind,
                case=number,
                signal=question.signal,
                calls_allowed=0,
                explainer=f"exact {estimand}",
                version="",
                seed=0,
                calls=len(question.asked),
                seconds=0.0,
                scores=[float(value) for value in values],
                hits=measures.hits(case, question.players, values),
                correlation=measures.correlation(values, truth.smile_trace),
                own_correlation=None,
                lds=None,
                lds_half=None,
                deletion=None,
            ),
            question,
            additive=True,
        )
