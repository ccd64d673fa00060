"""captum: FeatureAblation (which is leave-one-out) and KernelShap, on a function of the mask."""

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import FeatureAblation, KernelShap

from benchmarks.attribution.peers.base import Explainer, at_most
from benchmarks.attribution.question import Array, Question


def _forward(question: Question) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda mask: torch.tensor(question.values(mask.numpy() > 0.5), dtype=torch.float32)


def ablate(question: Question, calls: int, seed: int) -> Array:
    """FeatureAblation from the whole prompt to none of it."""
    one = torch.ones(1, question.size)
    method = FeatureAblation(_forward(question))
    found = method.attribute(one, baselines=0, perturbations_per_eval=question.size)
    return np.asarray(found[0], dtype=float)


def kernel_shap(question: Question, calls: int, seed: int) -> Array:
    """KernelShap with as many samples as fit."""

    def run(asked: Question, samples: int) -> Array:
        torch.manual_seed(seed)
        np.random.seed(seed)
        one = torch.ones(1, asked.size)
        method = KernelShap(_forward(asked))
        found = method.attribute(
            one, baselines=0, n_samples=samples, perturbations_per_eval=samples
        )
        return np.asarray(found[0], dtype=float)

    return at_most(question, calls, run)


EXPLAINERS = (
    Explainer("captum FeatureAblation", "captum", "leave_one_out", ablate),
    Explainer("captum KernelShap", "captum", "shapley", kernel_shap),
)
