"""llmSHAP: text only, its own TF-IDF similarity, the local server behind its LLMInterface."""

from collections.abc import Callable

import numpy as np
from llmSHAP.attribution_methods.coalition_sampler import (
    CoalitionSampler,
    CounterfactualSampler,
    FullEnumerationSampler,
    RandomSampler,
    SlidingWindowSampler,
)
from llmSHAP.attribution_methods.shapley_attribution import ShapleyAttribution
from llmSHAP.data_handler import DataHandler
from llmSHAP.llm.llm_interface import LLMInterface
from llmSHAP.prompt_codec import BasicPromptCodec

from benchmarks.attribution.peers.base import Explainer, last_within
from benchmarks.attribution.question import Array, Question


class _Served(LLMInterface):
    def __init__(self, question: Question) -> None:
        self._question = question

    def generate(self, prompt, tools=None, images=None) -> str:  # type: ignore[no-untyped-def]
        words = prompt[-1]["content"].split()
        text = " ".join([*words, *self._question.case.tail])
        return self._question.responses([text])[0].text or "" if text else ""


def explain(question: Question, calls: int, seed: int) -> Array:
    """The fullest of its samplers that the calls allow."""
    n = question.size

    def run(asked: Question, sampler: CoalitionSampler) -> Array:
        method = ShapleyAttribution(
            _Served(asked),
            DataHandler(dict(zip(map(str, range(n)), asked.players, strict=True))),
            BasicPromptCodec(),
            sampler=sampler,
            use_cache=True,
            verbose=False,
        )
        found = method.attribution().attribution
        return np.array([found[str(k)]["score"] for k in range(n)], dtype=float)

    samplers: list[Callable[[], CoalitionSampler]] = [
        CounterfactualSampler,
        *(lambda width=width: SlidingWindowSampler(list(range(n)), width) for width in (2, 3)),
        *(lambda ratio=ratio: RandomSampler(ratio, seed) for ratio in (0.001, 0.03, 0.1)),
        lambda: FullEnumerationSampler(n),
    ]
    runs = [lambda q, make=make: run(q, make()) for make in samplers]
    return last_within(question, calls, runs)


EXPLAINER = Explainer("llmSHAP", "llmSHAP", "", explain, signals=("text",), additive=False)
