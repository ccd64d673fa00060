"""How often a person slips, as the disagreement of two shows."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import prod, sqrt
from statistics import fmean

from smile_trace.records.judgement import QUESTIONS, Judgement, Question

DECISIVE = QUESTIONS[:2]
"""The questions on which a variant's being confirmed depends."""


def share_kept(judged: Sequence[Sequence[Judgement]]) -> float:
    """The share of true failures that are still confirmed where people slip now and then.

    Two who each give the wrong reply with probability e, independently, disagree with probability
    d = 2e(1 - e); where they agree, both are wrong in e² / (e² + (1 - e)²).

    Args:
        judged: the judgements of each settled variant.

    Returns:
        A share in (0, 1]; 1 where no two people judged the same variant.
    """
    return prod(_share_right(question, judged) for question in DECISIVE)


def _share_right(question: Question, judged: Sequence[Sequence[Judgement]]) -> float:
    slip = _slip(_disagreements(question, judged))
    agreed = slip**2 / (slip**2 + (1 - slip) ** 2)
    return 1 - fmean([agreed if len(them) > 1 else slip for them in judged] or [0.0])


def _slip(disagreements: Sequence[bool]) -> float:
    share = fmean(disagreements) if disagreements else 0.0
    return (1 - sqrt(max(0.0, 1 - 2 * share))) / 2


def _disagreements(question: Question, judged: Iterable[Sequence[Judgement]]) -> list[bool]:
    found = list[bool]()
    for them in judged:
        replies = [reply for one in them if (reply := question.reply(one)) != "cannot_say"]
        found += [one != other for one, other in combinations(replies, 2)]
    return found
