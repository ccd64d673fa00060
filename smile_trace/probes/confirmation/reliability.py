"""How far people agree among themselves: Krippendorff's alpha for nominal data with gaps.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C (nominal data, any number
of observers, missing data). The interval resamples variants, as Zapf et al. 2016 recommend
("Measuring inter-rater reliability for nominal data", BMC Medical Research Methodology 16:93).
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from smile_trace.probes.inference import LEVEL
from smile_trace.records.judgement import Judgement, Question, Reliability

RESAMPLES = 2000

Array = np.ndarray[Any, np.dtype[np.float64]]


def reliability(question: Question, judgements: Iterable[Judgement], seed: int = 0) -> Reliability:
    """The agreement on one question; who cannot say has not answered.

    Args:
        question: one of the three.
        judgements: of any variants; those that only one person judged say nothing.
        seed: of the resampling.
    """
    given = defaultdict[str, list[str]](list)
    for judgement in judgements:
        if (reply := question.reply(judgement)) != "cannot_say":
            given[judgement.variant_id].append(reply)
    counts = np.array(
        [
            [replies.count("yes"), replies.count("no")]
            for replies in given.values()
            if len(replies) > 1
        ],
        dtype=float,
    ).reshape(-1, 2)
    known = alpha(counts, np.ones((1, len(counts))))
    if not known.size:
        return Reliability(question=question.name, variants=len(counts))
    weights = np.random.default_rng(seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES
    )
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(alpha(counts, weights.astype(float)), [tail, 100 - tail])
    return Reliability(
        question=question.name,
        variants=len(counts),
        alpha=float(known[0]),
        ci_low=float(low),
        ci_high=float(high),
    )


def alpha(counts: Array, weights: Array) -> Array:
    """Krippendorff's alpha, 1 - observed / expected disagreement, once per row of weights; rows in
    which all replies are the same have none and are left out.

    Args:
        counts: how often each variant got each reply, shape (variants, replies); two or more each.
        weights: how often each variant is taken, shape (n, variants).
    """
    if not len(counts):
        return np.empty(0)
    replies = counts.sum(axis=1)
    disagreeing = (replies**2 - (counts**2).sum(axis=1)) / (replies - 1)
    total = weights @ replies
    observed = weights @ disagreeing / total
    expected = (total**2 - ((weights @ counts) ** 2).sum(axis=1)) / (total * (total - 1))
    varied = expected > 0
    return np.asarray(1 - observed[varied] / expected[varied])
