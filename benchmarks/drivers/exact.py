"""The exact values of the estimand (docs/method.md): what an estimate should come to."""

import numpy as np

from benchmarks.attribution.exact import design_average
from benchmarks.attribution.question import Array, Masks, Question, every_mask
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES

MOST_WORDS = 9
"""Up to here all masks are asked (512), beyond it random ones."""

MASKS = 1000
"""Random masks of each stratum."""

_DIGITS = 9  # sums of the same numbers in another order are the same value


def exact(question: Question) -> Array:
    """Per word the value of the estimand, in units of shift, in [−1, 1]."""
    n = question.size
    if n > MOST_WORDS:
        return sampled(question, MASKS)
    keep = every_mask(n)
    return np.round(design_average(question.changes(keep), keep.any(axis=1), n), _DIGITS)


def sampled(question: Question, masks: int) -> Array:
    """The same from `masks` random masks of each stratum, by least squares within it.

    The words are left out independently, so that the coefficient of a word is the difference
    of means with and without it, less what the other words happen to add (Lin 2013).
    """
    found = np.zeros(question.size)
    for keep in strata(question.size, masks):
        design = np.column_stack([~keep, np.ones(len(keep))])
        coefficients = np.linalg.lstsq(design.astype(float), question.changes(keep), rcond=None)[0]
        found += coefficients[:-1] / len(REMOVAL_PROBABILITIES)
    return np.round(found, _DIGITS)


def strata(size: int, masks: int) -> list[Masks]:
    """Per drop probability the random keep-masks, always the same ones, none of them empty."""
    found = []
    for number, q in enumerate(REMOVAL_PROBABILITIES):
        generator = np.random.default_rng([size, number])
        drawn = generator.random((2 * masks, size)) >= q
        found.append(drawn[drawn.any(axis=1)][:masks])
    return found
