"""tokenshap: text only, its own TF-IDF similarity, on the local server through its Model class."""

import random

import numpy as np
import token_shap.token_shap as package

from benchmarks.attribution.peers.base import Explainer, at_most
from benchmarks.attribution.question import Array, Question

package.tqdm = lambda rows, **_: rows  # the notebook's progress bar needs a notebook


class _Served(package.Model):
    def __init__(self, question: Question) -> None:
        self._question = question

    def generate(self, prompt: str) -> str:
        text = " ".join([*prompt.replace(_GLUE, " ").split(), *self._question.case.tail])
        return self._question.responses([text])[0].text or ""


_GLUE = "\N{NO-BREAK SPACE}"


def explain(question: Question, calls: int, seed: int) -> Array:
    """As many combinations as there are calls, those without one word first (its design)."""

    def run(asked: Question, samples: int) -> Array:
        random.seed(seed)
        prompt = " ".join(word.replace(" ", _GLUE) for word in asked.players)
        method = package.TokenSHAP(_Served(asked), package.StringSplitter())
        # its ratio is rounded down to a number of combinations
        ratio = min((samples - 1 + 0.5) / (2**asked.size - 1), 1.0)
        method.analyze(prompt, sampling_ratio=ratio)
        return np.array(list(method.shapley_values.values()), dtype=float)

    return at_most(question, calls, run, most=1)


EXPLAINER = Explainer("tokenshap", "TokenSHAP", "", explain, signals=("text",), additive=False)
