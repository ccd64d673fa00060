"""shapiq's KernelSHAP on the game of keep-masks."""

import numpy as np
import shapiq

from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Question


def explain(question: Question, calls: int, seed: int) -> Array:
    """Its budget is in distinct coalitions, the empty one (which asks nothing) among them."""
    budget = min(calls + (not question.case.tail), 2**question.size)
    method = shapiq.KernelSHAP(n=question.size, random_state=seed)
    found = method.approximate(budget, lambda masks: question.values(np.atleast_2d(masks)))
    return np.array([found[(k,)] for k in range(question.size)], dtype=float)


EXPLAINER = Explainer("shapiq KernelSHAP", "shapiq", "shapley", explain)
