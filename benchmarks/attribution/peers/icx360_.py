"""icx360 (MExGen): C-LIME and L-SHAP, with the local server behind its scalarized model.

The constructors load a spaCy model, which only cuts texts; ours are cut already.
"""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from icx360.algorithms.mexgen import CLIME, LSHAP

from benchmarks.attribution.peers.base import Explainer, last_within
from benchmarks.attribution.question import Array, Question


class _Scalarized:
    """icx360's scalarized model: units in (an empty one is removed), a number out."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def scalarize_output(self, inputs: list[list[str]], **_: Any) -> torch.Tensor:
        keep = np.array([[bool(unit) for unit in units] for units in inputs])
        return torch.tensor(self._question.values(keep))


def _run(kind: type, question: Question, **options: Any) -> Array:
    method = kind.__new__(kind)
    method.model, method.segmenter = None, None
    method.scalarized_model = _Scalarized(question)
    found = method.explain_instance(
        list(question.players), "w", output_orig=question.answer, ind_segment=False, **options
    )
    scores = found["attributions"]
    [name] = scores.keys() - {"units", "unit_types"}
    return np.asarray(scores[name], dtype=float)


def c_lime(question: Question, calls: int, seed: int) -> Array:
    """At most two units removed at a time, its default; as many samples as there are calls."""
    random.seed(seed)
    factor = (calls - 1) / question.size
    return _run(CLIME, question, oversampling_factor=factor)


def l_shap(question: Question, calls: int, seed: int) -> Array:
    """The widest neighbourhood that the calls allow, at most its default of two."""
    shapes = [(1, 1), (1, 2), (2, 1), (2, 2)]
    runs: list[Callable[[Question], Array]] = [
        lambda q, near=near, most=most: _run(LSHAP, q, num_neighbors=near, max_units_replace=most)
        for near, most in shapes
    ]
    return last_within(question, calls, runs)


EXPLAINERS = (
    Explainer("icx360 C-LIME", "icx360", "", c_lime),
    Explainer("icx360 L-SHAP", "icx360", "shapley", l_shap),
)
