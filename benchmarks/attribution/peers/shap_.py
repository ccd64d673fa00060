"""shap's Partition: Owen values over shap's own hierarchy of spans of the text."""

import numpy as np
import shap

from benchmarks.attribution.peers.base import Explainer, last_within
from benchmarks.attribution.question import Array, Question


def explain(question: Question, calls: int, seed: int) -> Array:
    """`max_evals` as large as the calls allow; a masked word is taken out of the text."""

    def run(asked: Question, evaluations: int) -> Array:
        masker = shap.maskers.Text(r" ", mask_token=_GONE, collapse_mask_token=False)
        texts = shap.Explainer(
            lambda masked: asked.values_of([_sent(text, asked) for text in masked]),
            masker,
            algorithm="partition",
        )
        prompt = " ".join(word.replace(" ", _GLUE) for word in asked.players)
        found = texts([prompt], max_evals=evaluations, silent=True)
        values = np.asarray(found.values[0], dtype=float).ravel()
        if len(values) != asked.size:
            raise RuntimeError(f"{len(values)} values for {asked.size} words")
        return values

    sizes = [round(calls * factor) for factor in (0.8, 1.0, 1.1, 1.2, 1.35, 1.5)]
    return last_within(question, calls, [lambda q, size=size: run(q, size) for size in sizes])


_GLUE = "\N{NO-BREAK SPACE}"
"""Holds the words of a player together."""


_GONE = "\N{REPLACEMENT CHARACTER}"
"""Placeholder of a removed word; it is not sent."""


def _sent(masked: str, question: Question) -> str:
    retained = (
        masked.replace(_GONE, " ").replace(_GLUE, " ").split()
    )  # shap glues it to the next word
    return " ".join([*retained, *question.case.tail])


EXPLAINER = Explainer("shap Partition", "shap", "shapley", explain)
