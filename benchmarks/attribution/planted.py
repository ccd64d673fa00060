"""Planted truth: a model whose probability is a known function of the mask, asked by everybody.

The worlds are those of `benchmarks/statistics` and two more: a decoy that matters only where
the driver is gone already, and an answer that depends on what stands next to what.
"""

import hashlib
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from benchmarks.attribution import measures
from benchmarks.attribution.cases import Case
from benchmarks.attribution.exact import exact
from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Question
from benchmarks.attribution.stored_rows import Piece, Row
from benchmarks.statistics.worlds import World, planted
from smile_trace.records import Response

SIZE = 10
CALLS = (16, 24, 32, 40, 64)
NOISES = (0.0, 0.1)
"""Standard deviation; a text's noise is its own and stays: the model is deterministic."""

_MIN_P, _MAX_P = 1e-6, 1 - 1e-6


class PlantedModel:
    """Gives an answer the probability 1 − answer change + noise, whatever the answer.

    Args:
        world: the answer change as a function of the mask.
        noise: its standard deviation.
        seed: which noise each text has.
    """

    def __init__(self, world: World, noise: float, seed: int) -> None:
        self._world = world
        self._noise = noise
        self._seed = seed
        self._places = {word: k for k, word in enumerate(words(world.segments))}

    def generate(self, texts: Sequence[str]) -> list[Response]:
        """It has probabilities only."""
        raise NotImplementedError

    def score(self, texts: Sequence[str], answer: str) -> list[Response]:
        """One token's log-probability for each text."""
        return [self._score(text, answer) for text in texts]

    def _score(self, text: str, answer: str) -> Response:
        removed = np.ones((1, self._world.segments))
        removed[0, [self._places[word] for word in text.split()]] = 0
        p = 1 - float(self._world.change(removed)[0]) + self._noise * self._draw(text)
        log = math.log(min(max(p, _MIN_P), _MAX_P))
        return Response(text=answer, logprobs=(log,), likeliest_by=0.0)

    def _draw(self, text: str) -> float:
        digest = hashlib.sha256(f"{self._seed} {text}".encode()).digest()
        return float(np.random.default_rng(list(digest[:16])).standard_normal())


def words(size: int) -> tuple[str, ...]:
    """The prompt of a planted world."""
    return tuple(f"word{k}" for k in range(size))


def worlds(size: int, generator: np.random.Generator) -> list[World]:
    """The planted worlds, a decoy and an order among them."""
    a, b = (int(k) for k in generator.permutation(size)[:2])
    first = int(generator.integers(0, size - 2))

    def order(x: Array) -> Array:
        """first … first + 2 belong together; the word between keeps them apart."""
        together = (1 - x[:, first]) * (1 - x[:, first + 2])
        return 0.9 - 0.6 * together - 0.25 * together * x[:, first + 1]

    return [
        *planted(size, generator),
        World("decoy", size, (a,), lambda x: 0.05 + 0.6 * x[:, a] + 0.3 * x[:, a] * x[:, b]),
        World("order", size, (first, first + 2), order),
    ]


@dataclass(frozen=True)
class Planted:
    """One explainer in one world."""

    world: str
    noise: float
    replicate: int
    calls_allowed: int
    explainer: str
    calls: int
    seconds: float
    first: bool
    """Whether a driver is first."""
    false_among_first: float
    """Share of others among the first k, k = the number of drivers."""
    correlation: float | None
    """With the enumerated estimand of smile-trace."""
    own_correlation: float | None
    error: float | None
    """Root mean squared error to what it claims to estimate, in shares of the answer."""


def run(
    explainers: Sequence[Explainer], replicates: int, calls: Sequence[int] = CALLS
) -> Iterator[Piece]:
    """Every explainer in every world; the noises in turn."""
    able = [explainer for explainer in explainers if "probability" in explainer.signals]
    for replicate in range(replicates):
        generator = np.random.default_rng([20261125, replicate])
        for world in worlds(SIZE, generator):
            key = {"replicate": replicate, "world": world.name}
            yield Piece(key, partial(_rows, able, world, replicate, calls))


def _rows(
    explainers: Sequence[Explainer], world: World, replicate: int, calls: Sequence[int]
) -> list[Row]:
    noise = NOISES[replicate % len(NOISES)]
    case = Case("plain", " ".join(words(SIZE)), "answer")
    still = Question(case, "probability", PlantedModel(world, 0.0, replicate))
    truth = asdict(exact(still))
    whole = float(still.values(np.ones((1, SIZE), dtype=bool))[0])
    asked = Question(case, "probability", PlantedModel(world, noise, replicate))
    return [
        asdict(_one(explainer, asked.again(), allowed, replicate, noise, world, truth, whole))
        for explainer in explainers
        for allowed in calls
    ]


def _one(
    explainer: Explainer,
    question: Question,
    allowed: int,
    replicate: int,
    noise: float,
    world: World,
    truth: dict[str, Array],
    whole: float,
) -> Planted:
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = np.asarray(explainer.explain(question, allowed, replicate), dtype=float)
    spent = time.process_time() - started
    own = truth[explainer.estimand] if explainer.estimand else None
    ours = explainer.estimand == "smile_trace"
    comparable = own is not None and explainer.estimand != "banzhaf_logit"
    error = float(np.sqrt(((scores - own) ** 2).mean())) if comparable else None
    order = np.argsort(-scores, kind="stable")
    k = len(world.drivers)
    return Planted(
        world=world.name,
        noise=noise,
        replicate=replicate,
        calls_allowed=allowed,
        explainer=explainer.name,
        calls=len(question.asked),
        seconds=spent if question.seconds is None else question.seconds,
        first=int(order[0]) in world.drivers,
        false_among_first=float(np.mean([i not in world.drivers for i in order[:k]])),
        correlation=measures.correlation(scores, truth["smile_trace"]),
        own_correlation=measures.correlation(scores, own) if own is not None else None,
        error=error if error is None or ours else error / whole,
    )
