"""Leave-one-out: each player removed alone, n + 1 calls whatever is allowed."""

import numpy as np

from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Question


def explain(question: Question, calls: int, seed: int) -> Array:
    """v(all) − v(all but i)."""
    keep = np.vstack([np.ones((1, question.size), dtype=bool), ~np.eye(question.size, dtype=bool)])
    values = question.values(keep)
    effects: Array = values[0] - values[1:]
    return effects


EXPLAINER = Explainer("leave-one-out", "numpy", "leave_one_out", explain)
