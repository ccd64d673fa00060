"""Exact values by brute force over all masks: the truths that need no opinion."""

from dataclasses import dataclass
from math import comb

import numpy as np

from benchmarks.attribution.question import Array, Question, every_mask
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES
from smile_trace.records import Signal

MAX_WORDS: dict[Signal, int] = {"probability": 9, "text": 6}
"""Players up to which all masks are asked."""


@dataclass(frozen=True)
class Exact:
    """Per player the value of each estimand, in units of the question's value.

    `smile_trace`: the design-average effect on the answer change (docs/method.md); `shapley`;
    `banzhaf`: the mean effect over all masks of the rest, which the unweighted least-squares
    fit to all masks gives; `leave_one_out`; `banzhaf_logit`: that of the log-odds.
    """

    smile_trace: Array
    shapley: Array
    banzhaf: Array
    leave_one_out: Array
    banzhaf_logit: Array


def exact(question: Question) -> Exact:
    """The exact values of a question; all its 2**size masks are asked."""
    n = question.size
    keep = every_mask(n)
    values, logits = question.values(keep), question.logits(keep)
    sendable = np.array([bool(question.text(mask).strip()) for mask in keep])
    return Exact(
        smile_trace=design_average(question.changes(keep), sendable, n),
        shapley=_semivalue(values, n, lambda size: 1 / (n * comb(n - 1, size))),
        banzhaf=_semivalue(values, n, lambda size: 0.5 ** (n - 1)),
        leave_one_out=_semivalue(values, n, lambda size: float(size == n - 1)),
        banzhaf_logit=_semivalue(logits, n, lambda size: 0.5 ** (n - 1)),
    )


def _semivalue(values: Array, n: int, weight) -> Array:  # type: ignore[no-untyped-def]
    """Σ_S weight(|S|) (v(S ∪ i) − v(S)) over the masks S without i."""
    keep = every_mask(n)
    found = np.zeros(n)
    for i in range(n):
        without = np.flatnonzero(~keep[:, i])
        weights = np.array([weight(int(size)) for size in keep[without].sum(axis=1)])
        found[i] = weights @ (values[without + (1 << i)] - values[without])
    return found


def design_average(changes: Array, sendable: np.ndarray, n: int) -> Array:
    """smile-trace's estimand from the changes under `every_mask(n)`, in [−1, 1].

    Masks that leave nothing to send do not exist.
    """
    keep = every_mask(n)
    found = np.zeros(n)
    for i in range(n):
        without = np.flatnonzero(~keep[:, i] & sendable)
        removed = n - 1 - keep[without].sum(axis=1)
        for q in REMOVAL_PROBABILITIES:
            weight = q**removed * (1 - q) ** (n - 1 - removed)
            effect = changes[without] - changes[without + (1 << i)]
            found[i] += weight @ effect / weight.sum() / len(REMOVAL_PROBABILITIES)
    return found
