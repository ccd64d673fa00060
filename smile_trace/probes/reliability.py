"""Agreement among people, and of a judge (a model asked the same) with them. Pure.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C (nominal data, any number
of observers, missing data). The interval resamples variants, as Zapf et al. 2016 recommend
("Measuring inter-rater reliability for nominal data", BMC Medical Research Methodology 16:93).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from smile_trace.probes.confirmation import DECISIVE, is_confirmed, majority, over_prompts
from smile_trace.probes.inference import LEVEL
from smile_trace.records.judgement import (
    QUESTIONS,
    JudgeAgreement,
    Judgement,
    Question,
    QuestionAgreement,
    Reliability,
    Reply,
    ReviewItem,
)

RESAMPLES = 2000

Array = np.ndarray[Any, np.dtype[np.float64]]


def reliability(question: Question, judgements: Iterable[Judgement]) -> Reliability:
    """Return the agreement on one question; "cannot say" is no answer, and variants judged by one
    person only are ignored."""
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
    weights = np.random.default_rng(0).multinomial(
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
    """Return Krippendorff's alpha, 1 - observed / expected disagreement, once per row of weights;
    rows in which all replies are the same have none and are left out. `counts`: how often each
    variant got each reply, shape (variants, replies); two or more each. `weights`: how often each
    variant is taken, shape (n, variants)."""
    if not len(counts):
        return np.empty(0)
    replies = counts.sum(axis=1)
    disagreeing = (replies**2 - (counts**2).sum(axis=1)) / (replies - 1)
    total = weights @ replies
    observed = weights @ disagreeing / total
    expected = (total**2 - ((weights @ counts) ** 2).sum(axis=1)) / (total * (total - 1))
    varied = expected > 0
    return np.asarray(1 - observed[varied] / expected[varied])


MIN_SHARED = 30
"""The fewest variants, per decisive question, that a judge and people must both have answered."""

MIN_AGREEMENT = 0.7
"""The smallest lower end of its agreement's interval with which it counts."""


def agreement(
    judge: str,
    variants: Sequence[ReviewItem],
    people: Iterable[Judgement],
    said: Sequence[Judgement],
) -> JudgeAgreement:
    """Compare a judge's replies with the majority of people, question by question. Each prompt is
    one trial of the intervals (Wilson 1927), as in `confirmation`. If people are divided, or cannot
    say, there is nothing to agree with. `said` has one judgement per variant."""
    prompts = {variant.id: variant.prompt for variant in variants}
    given = defaultdict[str, list[Judgement]](list)
    for judgement in people:
        given[judgement.variant_id].append(judgement)
    shared = [(_consensus(given[one.variant_id]), one) for one in said if one.variant_id in given]
    questions = tuple(_on(question, shared, prompts) for question in QUESTIONS)
    decisive = [one for one in questions if one.question in [of.name for of in DECISIVE]]
    false, missed = _errors(given, said, prompts)
    return JudgeAgreement(
        judge=judge,
        asked=len(said),
        replied=sum(any(of.reply(one) != "cannot_say" for of in QUESTIONS) for one in said),
        questions=questions,
        false_alarms=false,
        misses=missed,
        counts=all(one.variants >= MIN_SHARED and one.ci_low >= MIN_AGREEMENT for one in decisive),
    )


def _on(
    question: Question, shared: Sequence[tuple[Judgement, Judgement]], prompts: Mapping[str, str]
) -> QuestionAgreement:
    both = [pair for pair in shared if all(question.reply(one) != "cannot_say" for one in pair)]
    outcomes = [
        (prompts[one.variant_id], question.reply(one) == question.reply(other))
        for one, other in both
    ]
    low, high, rates = over_prompts(outcomes)
    alpha = reliability(question, [one for pair in both for one in pair])
    return QuestionAgreement(
        question=question.name,
        variants=len(both),
        prompts=len(rates),
        agreed=sum(agreed for _, agreed in outcomes),
        rate=fmean(rates) if rates else None,
        ci_low=low,
        ci_high=high,
        alpha=alpha.alpha,
        alpha_low=alpha.ci_low,
        alpha_high=alpha.ci_high,
    )


def _errors(
    given: Mapping[str, Sequence[Judgement]],
    said: Iterable[Judgement],
    prompts: Mapping[str, str],
) -> tuple[float, float]:
    outcomes: dict[bool, list[tuple[str, bool]]] = {False: [], True: []}
    for one in said:
        wanted, found = is_confirmed(given.get(one.variant_id, ())), is_confirmed([one])
        if wanted is not None and found is not None:
            outcomes[wanted].append((prompts[one.variant_id], found != wanted))
    return over_prompts(outcomes[False])[1], over_prompts(outcomes[True])[1]


def _consensus(judgements: Sequence[Judgement]) -> Judgement:
    reply: dict[bool | None, Reply] = {True: "yes", False: "no", None: "cannot_say"}
    said: dict[str, Reply] = {
        one.name: reply[majority([one.reply(judgement) for judgement in judgements])]
        for one in QUESTIONS
    }
    return judgements[0].model_copy(update=said)
