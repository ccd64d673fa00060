"""context-cite's solver on our masks and log-odds.

Its own way to the model needs torch weights; its design (every source kept with probability
.5) and its solver (Lasso on the log-odds of the whole answer) do not.
"""

import numpy as np
from context_cite.solver import LassoRegression

from benchmarks.attribution.peers.base import Explainer, at_most
from benchmarks.attribution.question import Array, Question


def explain(question: Question, calls: int, seed: int) -> Array:
    """The Lasso's weights, of the log-odds as context-cite has them."""

    def run(asked: Question, samples: int) -> Array:
        masks = np.random.default_rng(seed).random((4 * samples, asked.size)) < 0.5
        some = np.array([bool(asked.text(mask).strip()) for mask in masks])
        masks = masks[some][:samples]
        weights, _ = LassoRegression().fit(masks, asked.logits(masks), num_output_tokens=1)
        return np.asarray(weights, dtype=float)

    return at_most(question, calls, run)


EXPLAINER = Explainer("context-cite", "context-cite", "banzhaf_logit", explain, additive=True)
