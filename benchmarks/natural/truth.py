"""The driver of an answer: the content word whose removal costs it most, before any method runs.

Of a method that asks for probabilities the cost is what the answer's whole log-probability loses,
in nats: ContextCite's measure (log-odds of the whole answer), and nobody's answer change. Of one
that compares texts it is how far the text moves (`content`), which all of them are given: what is
said at temperature 0 without a word need not change where its probability falls, nor the reverse.
It is the estimand of docs/method.md of that cost. By the length of the prompt, in words:

- up to EVERY: of all masks;
- up to RANDOM: of MASKS random masks of the two strata, by a ridge. The driver counts where two
  independent halves of them agree on it (`agreed`): no method can be asked for what another
  hundred masks would call another word;
- longer: there is none. Beyond sixty words two to four lie within a hundredth or two of the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from benchmarks.natural.cases import Case
from benchmarks.natural.responses import Responses
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.attribution.design import masks
from smile_trace.attribution.design.masks import Mask
from smile_trace.attribution.estimation.inference import enumerated
from smile_trace.records import Signal

Array = NDArray[np.float64]

EVERY, RANDOM = 7, 60
MASKS = 200


@dataclass(frozen=True)
class Driver:
    """The word's place, what its removal costs and what the second content word's does: in nats,
    or in answer change; whether two halves of the masks agree on it, and what every word costs."""

    place: int
    cost: float
    second: float
    calls: int
    agreed: bool
    costs: tuple[float, ...]


def driver(case: Case, responses: Responses, signal: Signal) -> Driver | None:
    """Ask the model what each content word is worth; None of a prompt that is too long."""
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
    if size > RANDOM:
        return None
    if size <= EVERY:
        every = masks.all_masks(whole, case.perturber.sendable)
        costs = enumerated(1.0 - np.array(every, dtype=float), lost(every))
        return _driver(case, costs, len(every), agreed=True)
    some = _random(case)
    removed, found = 1.0 - np.array(some, dtype=float), lost(some)
    half = np.arange(MASKS) // len(masks.KEEP_PROBABILITIES) % 2
    one, other = (_fitted(removed[half == k], found[half == k]) for k in (0, 1))
    agreed = max(case.content, key=lambda k: one[k]) == max(case.content, key=lambda k: other[k])
    return _driver(case, _fitted(removed, found), MASKS + 1, agreed=agreed)


def _driver(case: Case, costs: Array, calls: int, *, agreed: bool) -> Driver:
    first, second = sorted(case.content, key=lambda k: -costs[k])[:2]
    rounded = tuple(round(float(cost), 4) for cost in costs)
    return Driver(first, float(costs[first]), float(costs[second]), calls, agreed, rounded)


def _random(case: Case) -> list[Mask]:
    """Masks that keep half and four fifths in turn."""
    generator = np.random.default_rng([len(case.prompt), 77])
    drawn = masks.random_masks((True,) * len(case.words), case.perturber.sendable, generator)
    return [next(drawn)[0] for _ in range(MASKS)]


def _fitted(removed: Array, lost: Array) -> Array:
    stratum = np.arange(len(lost)) % len(masks.KEEP_PROBABILITIES)
    ridge = RidgeCV(np.logspace(-2, 3, 30)).fit(np.column_stack([removed, stratum]), lost)
    costs: Array = ridge.coef_[: removed.shape[1]]
    return costs
