"""lime's text explainer: words taken out at random, a locally weighted ridge."""

import numpy as np
from lime.lime_text import LimeTextExplainer

from benchmarks.attribution.peers.base import Explainer, at_most
from benchmarks.attribution.question import Array, Question


def explain(question: Question, calls: int, seed: int) -> Array:
    """On names of the players, so that each occurrence of a word is a feature of its own."""
    names = [f"p{k}" for k in range(question.size)]

    def run(asked: Question, samples: int) -> Array:
        def classify(texts: list[str]) -> Array:
            present = [set(text.split()) for text in texts]
            values = asked.values(np.array([[name in some for name in names] for some in present]))
            return np.column_stack([1 - values, values])

        explainer = LimeTextExplainer(
            split_expression=r"\s+", bow=False, mask_string="", random_state=seed
        )
        found = explainer.explain_instance(
            " ".join(names), classify, num_features=asked.size, num_samples=samples
        )
        scores = np.zeros(asked.size)
        for feature, weight in found.as_map()[1]:
            scores[feature] = weight
        return scores

    return at_most(question, calls, run)


EXPLAINER = Explainer("lime", "lime", "", explain)
