"""How good a list of scores is, against the marked words, the exact values and the model itself."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.attribution.cases import Case
from benchmarks.attribution.question import Array, Masks, Question
from smile_trace.attribution.design.masks import KEEP_PROBABILITIES

FUNCTION_WORDS = frozenset(
    """a an the of in on at to for from by with into and or but nor so as than if then because
    while is are was were be been being am do does did has have had will would can could should
    may might must that this these those it its there""".split()  # noqa: SIM905
)
"""Fixed before the first run; those of the driver cases' test."""

HELD_OUT = 32
"""Masks of the LDS; every other one keeps a word with probability .5, the rest with .8."""

DELETED = 4
"""Words that the deletion curve leaves out, at most."""


def ranks(scores: Array, among: Sequence[int]) -> dict[int, float]:
    """Places from 1 of these players among each other; ties share the mean place."""
    places = stats.rankdata([-scores[k] for k in among])
    return dict(zip(among, map(float, places), strict=True))


def hits(case: Case, players: Sequence[str], scores: Array) -> dict[str, float] | None:
    """Whether a marked word is first, first among content words, among the first three.

    None where nothing drives the case. With two marked words one of them first is a hit.
    """
    driving = case.driving
    if not driving:
        return None
    everywhere = ranks(scores, range(len(players)))
    content = [
        k
        for k, word in enumerate(players)
        if k in driving or word.strip(".,;:!?").lower() not in FUNCTION_WORDS
    ]
    of_content = ranks(scores, content)
    return {
        "hit_1": float(min(everywhere[k] for k in driving) <= 1),
        "content_1": float(min(of_content[k] for k in driving) <= 1),
        "hit_3": float(min(everywhere[k] for k in driving) <= 3),
    }


def correlation(scores: Array, truth: Array) -> float | None:
    """Spearman's; None where one of the two is constant."""
    if np.ptp(truth) < 1e-9:
        return None
    if np.ptp(scores) < 1e-12:
        return 0.0
    return float(stats.spearmanr(scores, truth).statistic)


def held_out_masks(size: int) -> Masks:
    """HELD_OUT fixed masks, none of them empty."""
    generator = np.random.default_rng([size, 4711])
    masks = np.zeros((HELD_OUT, size), dtype=bool)
    for row in range(HELD_OUT):
        while not masks[row].any():
            masks[row] = generator.random(size) < KEEP_PROBABILITIES[row % 2]
    return masks


def linear_datamodeling_score(question: Question, scores: Array, masks: Masks) -> float | None:
    """LDS (Park et al. 2023): Spearman of Σ scores of the retained with the true values."""
    return correlation(masks @ scores, question.values(masks))


def deletion(question: Question, scores: Array) -> float:
    """Mean share of the whole prompt's value over the first words removed, lower is better."""
    order = np.argsort(-scores, kind="stable")[: min(DELETED, question.size - 1)]
    keep = np.ones((len(order) + 1, question.size), dtype=bool)
    for step, player in enumerate(order, 1):
        keep[step:, player] = False
    values = question.values(keep)
    return float(values[1:].mean() / max(values[0], 1e-12))
