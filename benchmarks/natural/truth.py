"""The driver of an answer: the content word whose removal costs it most, before any method runs.

Of a method that asks for probabilities the cost is what the answer's whole log-probability loses,
in nats: ContextCite's measure (log-odds of the whole answer), and nobody's answer change. Of one
that compares texts it is how far the text moves (`content`), which all of them are given: what is
said at temperature 0 without a word need not change where its probability falls, nor the reverse.
By the length of the prompt, in words:

- up to EVERY: all masks, and the estimand of docs/method.md of the cost;
- up to RANDOM: MASKS random masks of the two strata, and a ridge of the cost;
- up to ONE_BY_ONE: every content word alone;
- longer: every sentence alone, then every content word alone of the SENTENCES that cost most.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from benchmarks.natural.cases import Case
from benchmarks.natural.responses import Responses
from smile_trace.attribution.design import masks
from smile_trace.attribution.design.masks import Mask
from smile_trace.attribution.estimation.inference import enumerated
from smile_trace.attribution.estimation.text_comparison import text_comparison
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Signal

Array = NDArray[np.float64]

EVERY, RANDOM, ONE_BY_ONE = 7, 60, 200
MASKS = 200
SENTENCES = 3


@dataclass(frozen=True)
class Driver:
    """The word's place, what its removal costs and what the second content word's does: in nats,
    or in answer change."""

    place: int
    cost: float
    second: float
    calls: int


def driver(case: Case, responses: Responses, signal: Signal) -> Driver:
    """Ask the model what each content word is worth."""
    text, ids = responses.answer(case.prompt, case.tokens)
    change = text_comparison(text, None)

    def lost(some: Sequence[Mask]) -> Array:
        texts = [case.text(mask) for mask in (whole, *some)]
        if signal == "text":
            said = responses.generate(texts[1:], case.tokens)
            return np.array(change.changes([row.text or "" for row in said]))
        rows = responses.score(texts, text, ids)
        total = np.array([sum(row.logprobs or ()) for row in rows])
        return total[0] - total[1:]

    whole = (True,) * len(case.words)
    size = len(whole)
    if size <= EVERY:
        every = masks.all_masks(whole, case.perturber.sendable)
        costs = enumerated(1.0 - np.array(every, dtype=float), lost(every))
        calls = len(every)
    elif size <= RANDOM:
        costs, calls = _of_random(case, lost), MASKS + 1
    else:
        costs, calls = _one_by_one(case, lost)
    ranked = sorted(case.content, key=lambda k: -costs[k])
    return Driver(ranked[0], float(costs[ranked[0]]), float(costs[ranked[1]]), calls)


def _of_random(case: Case, lost: Callable[[Sequence[Mask]], Array]) -> Array:
    free = (True,) * len(case.words)
    generator = np.random.default_rng([len(case.prompt), 77])
    drawn = masks.random_masks(free, case.perturber.sendable, generator)
    some = [next(drawn)[0] for _ in range(MASKS)]
    removed = 1.0 - np.array(some, dtype=float)
    stratum = np.arange(MASKS) % len(masks.KEEP_PROBABILITIES)
    fitted = RidgeCV(np.logspace(-2, 3, 30)).fit(np.column_stack([removed, stratum]), lost(some))
    costs: Array = fitted.coef_[: len(free)]
    return costs


def _one_by_one(case: Case, lost: Callable[[Sequence[Mask]], Array]) -> tuple[Array, int]:
    among, calls = list(case.content), 1
    if len(case.words) > ONE_BY_ONE:
        sentences = _sentences(case)
        order = np.argsort(-lost([_without(case, some) for some in sentences]), kind="stable")
        inside = {k for number in order[:SENTENCES] for k in sentences[number]}
        among = [k for k in among if k in inside]
        calls += len(sentences)
    costs = np.full(len(case.words), -np.inf)
    costs[among] = lost([_without(case, [k]) for k in among])
    return costs, calls + len(among)


def _sentences(case: Case) -> list[list[int]]:
    """The places of the words of every sentence."""
    sentences = Segmentation(case.prompted, "sentence", ()).segments
    return [
        [k for k, word in enumerate(case.words) if sentence.start <= word.start < sentence.end]
        for sentence in sentences
    ]


def _without(case: Case, places: Sequence[int]) -> Mask:
    return tuple(k not in places for k in range(len(case.words)))
