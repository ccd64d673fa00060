"""Confirmed precision: how many of a probe's findings people confirm; is that enough? Pure."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod, sqrt
from statistics import fmean
from typing import Any

from smile_trace._stats.intervals import wilson
from smile_trace.probes.base import CHANGED
from smile_trace.probes.inference import LEVEL
from smile_trace.records.judgement import (
    QUESTIONS,
    Confirmation,
    JudgeAgreement,
    Judgement,
    Question,
    Reply,
    ReviewItem,
)

DECISIVE = QUESTIONS[:2]


def share_kept(judged: Sequence[Sequence[Judgement]]) -> float:
    """Return the share of true failures that are still confirmed although people slip now and then,
    in (0, 1]; 1 if no two people judged the same variant.

    Two people who independently err with probability e disagree with probability d = 2e(1 - e);
    when they agree, both are wrong with probability e² / (e² + (1 - e)²).
    """
    return prod(_share_right(question, judged) for question in DECISIVE)


def _share_right(question: Question, judged: Sequence[Sequence[Judgement]]) -> float:
    share = fmean(_disagreements(question, judged) or [0.0])
    slip = (1 - sqrt(max(0.0, 1 - 2 * share))) / 2
    agreed = slip**2 / (slip**2 + (1 - slip) ** 2)
    return 1 - fmean([agreed if len(them) > 1 else slip for them in judged] or [0.0])


def _disagreements(question: Question, judged: Iterable[Sequence[Judgement]]) -> list[bool]:
    found = list[bool]()
    for them in judged:
        replies = [reply for one in them if (reply := question.reply(one)) != "cannot_say"]
        found += [one != other for one, other in combinations(replies, 2)]
    return found


MIN_JUDGEMENTS = 30
"""The fewest judgements after which a probe counts in a gate."""

MIN_PRECISION = 0.7
"""The smallest lower end of its precision's interval with which it counts."""


@dataclass(frozen=True)
class Judge:
    """A model whose judgements count: what it said, and how far it agrees with people."""

    judgements: Sequence[Judgement]
    agreement: JudgeAgreement


def confirmation(
    probe: str,
    variants: Sequence[ReviewItem],
    judgements: Iterable[Judgement],
    judge: Judge | None = None,
) -> Confirmation:
    """Return what people make of a probe's changed answers.

    Variants of one prompt are not independent witnesses, so each prompt is one trial, whose success
    is the share of its settled variants that were confirmed. The interval is Wilson's (1927) at the
    level of a profile's intervals; its upper end allows for slips, as frequent as the reviewers'
    disagreement shows, its lower end, by which a gate goes, does not. It is about the variants
    shown to people, among which large effects and borderline cases are overrepresented.

    A judge counts for variants that no person has judged. Both ends then allow for as many of its
    errors as its agreement with people leaves room for. Variants of other probes, or that did not
    count as changed, are ignored.
    """
    mine = {v.id: v for v in variants if v.probe == probe and v.counts}
    given = defaultdict[str, list[Judgement]](list)
    for judgement in judgements:
        if judgement.variant_id in mine:
            given[judgement.variant_id].append(judgement)
    by_judge = {
        one.variant_id: [one]
        for one in (() if judge is None else judge.judgements)
        if one.variant_id in mine and one.variant_id not in given
    }
    verdicts = {key: is_confirmed(them) for key, them in (*given.items(), *by_judge.items())}
    settled = {key: verdict for key, verdict in verdicts.items() if verdict is not None}
    low, high, shares = over_prompts((mine[key].prompt, said) for key, said in settled.items())
    if judge is not None and shares:
        _, _, heard = over_prompts((mine[key].prompt, key in by_judge) for key in settled)
        low, high = _with_errors(low, high, fmean(heard), judge.agreement)
    people = [one for key in settled.keys() & given.keys() for one in given[key]]
    judged = len(settled.keys() & by_judge.keys())
    number = len(people) + judged
    return Confirmation(
        probe=probe,
        judgements=number,
        reviewers=len({judgement.reviewer for judgement in people}),
        variants=len(settled),
        prompts=len(shares),
        confirmed=sum(settled.values()),
        by_judge=judged,
        precision=fmean(shares) if shares else None,
        ci_low=low,
        ci_high=min(1.0, high / share_kept(list(given.values()))),
        counts=number >= MIN_JUDGEMENTS and low >= MIN_PRECISION,
    )


def confirmations(
    variants: Sequence[ReviewItem], judgements: Sequence[Judgement], judge: Judge | None = None
) -> Mapping[str, Confirmation]:
    """Return what people make of each probe that has variants."""
    probes = dict.fromkeys(variant.probe for variant in variants)
    return {probe: confirmation(probe, variants, judgements, judge) for probe in probes}


def over_prompts(outcomes: Iterable[tuple[str, bool]]) -> tuple[float, float, list[float]]:
    """Return a rate's interval with each prompt as one trial (Wilson 1927), and each prompt's
    rate."""
    of_prompt = defaultdict[str, list[bool]](list)
    for prompt, outcome in outcomes:
        of_prompt[prompt].append(outcome)
    rates = [fmean(them) for them in of_prompt.values()]
    return *wilson(sum(rates), len(rates), LEVEL), rates


def _with_errors(
    low: float, high: float, of_judge: float, errs: JudgeAgreement
) -> tuple[float, float]:
    """Return the interval's ends if a share of the trials, in [0, 1], is a judge's.

    A judge with false-alarm rate f and miss rate m says yes with probability p (1 - m) + (1 - p) f
    (Rogan and Gladen 1978, "Estimating prevalence from the results of a screening test"). So p is
    at least (low - f) / (1 - f), and at most high / (1 - m).
    """
    false, missed = errs.false_alarms, errs.misses
    least = max(0.0, (low - false) / (1 - false)) if false < 1 else 0.0
    most = min(1.0, high / (1 - missed)) if missed < 1 else 1.0
    return low + of_judge * (least - low), high + of_judge * (most - high)


def is_confirmed(judgements: Sequence[Judgement]) -> bool | None:
    """Whether most judgements call a variant a failure: same meaning, worse answer. None if they
    are divided, or cannot say. Each question is settled by itself: two slips in different questions
    would otherwise outvote what both people have seen. If the meaning differs, the answer does not
    matter."""
    same = majority([judgement.same_meaning for judgement in judgements])
    replies = [judgement.worse for judgement in judgements]
    worse = majority(replies)
    if same is False and set(replies) == {"cannot_say"}:
        return False
    if same is None or worse is None:
        return None
    return same and worse


def majority(replies: Sequence[Reply]) -> bool | None:
    """Return the majority of the yes and no replies; None if divided, or if there are none."""
    yes, no = replies.count("yes"), replies.count("no")
    return None if yes == no else yes > no


RANDOM_SHARE = 0.1
"""The share of the choice that is drawn from the rest, which no rule would have shown."""


def choose(
    variants: Sequence[ReviewItem], number: int, seed: int, begun: Collection[str] = ()
) -> list[ReviewItem]:
    """Choose the most telling variants that the person has not judged.

    First come variants that others have judged (`begun`), which a second opinion makes comparable;
    then half by the largest effect, half near the border at which an answer begins to count as
    another, each probe and each prompt in turn; and a tenth at random. Their order is random, so
    that nothing but the variant itself tells a person what to say.
    """
    rng = random.Random(seed)
    ordered = sorted(variants, key=lambda variant: variant.id)
    chosen = dict.fromkeys([v for v in ordered if v.id in begun][:number])
    left = number - len(chosen)
    by_rule = left - min(left, max(1, round(RANDOM_SHARE * left)))
    effect = _in_turn(ordered, lambda v: (not v.counts, -v.change))
    border = _in_turn(ordered, lambda v: abs(v.change - CHANGED))
    target = len(chosen) + by_rule
    for pair in zip(effect, border, strict=True):
        for variant in pair:
            if len(chosen) < target:
                chosen[variant] = None
    rest = [variant for variant in ordered if variant not in chosen]
    chosen.update(dict.fromkeys(rng.sample(rest, min(len(rest), number - len(chosen)))))
    found = list(chosen)
    rng.shuffle(found)
    return found


def _in_turn(variants: Sequence[ReviewItem], key: Callable[[ReviewItem], Any]) -> list[ReviewItem]:
    """Sort by a key, but each probe in turn, and each prompt's first before any second."""
    of_prompt, of_probe = Counter[tuple[str, str]](), Counter[tuple[str, int]]()
    turns = list[tuple[int, int, ReviewItem]]()
    for variant in sorted(variants, key=key):
        again = of_prompt[variant.probe, variant.prompt]
        of_prompt[variant.probe, variant.prompt] += 1
        turns.append((again, of_probe[variant.probe, again], variant))
        of_probe[variant.probe, again] += 1
    return [variant for *_, variant in sorted(turns, key=lambda turn: turn[:2])]
