"""Simulated people, and judges, who say of variants what is true of them, or slip."""

import random
from collections.abc import Sequence
from functools import cache

from smile_trace.probes.confirmation import Judge
from smile_trace.probes.reliability import agreement
from smile_trace.records.judgement import Judgement, Reply, ReviewItem

SLIP = 0.1
"""How often a simulated expert gives the wrong reply."""

Truth = tuple[bool, bool]
"""Whether a variant means the same, and whether its answer is worse."""


def variant(name: str, probe: str = "order", prompt: str = "", change: float = 0.9) -> ReviewItem:
    """A variant; of a prompt of its own, if none is named."""
    return ReviewItem(
        id=name, probe=probe, prompt=prompt or name, change=change, counts=change >= 0.5
    )


def planted(
    rng: random.Random, number: int, precision: float, probe: str = "order"
) -> dict[ReviewItem, Truth]:
    """As many variants, of which a share is truly a failure, and what is true of each."""
    found = dict[ReviewItem, Truth]()
    for k in range(number):
        truth = rng.choice([(True, False), (False, True), (False, False)])
        if rng.random() < precision:
            truth = True, True
        found[variant(f"{probe} {k}", probe)] = truth
    return found


def said_by(
    rng: random.Random, who: str, truths: dict[ReviewItem, Truth], slip: float
) -> list[Judgement]:
    """What somebody says who gives the wrong reply to a question now and then."""

    def reply(truth: bool) -> Reply:
        return "yes" if truth != (rng.random() < slip) else "no"

    return [
        Judgement(
            variant_id=one.id,
            reviewer=who,
            same_meaning=reply(same),
            worse=reply(worse),
            judged_at="2026-01-01T00:00:00+00:00",
        )
        for one, (same, worse) in truths.items()
    ]


def experts(
    seed: int, number: int, precision: float, probe: str = "order"
) -> tuple[Sequence[ReviewItem], list[Judgement]]:
    """Two experts who slip, on as many variants, of which a share is truly confirmed."""
    rng = random.Random(seed)
    truths = planted(rng, number, precision, probe)
    one, other = (said_by(rng, who, truths, SLIP) for who in ("one", "other"))
    return list(truths), one + other


@cache
def judge(
    seed: int, wrong: float, *, shared: int = 100, precision: float = 0.6
) -> tuple[Judge, list[ReviewItem], list[Judgement]]:
    """A judge with as many wrong replies, and three people who slip, on variants of `order`; the
    judge has also judged eighty variants of `format`, truly failures, and of `swap`, mostly not."""
    rng = random.Random(seed)
    known = planted(rng, shared, precision)
    people = [one for who in "abc" for one in said_by(rng, who, known, SLIP)]
    alone = planted(rng, 80, 0.95, "format") | planted(rng, 80, 0.3, "swap")
    said = said_by(rng, "judge", known | alone, wrong)
    items = [*known, *alone]
    return Judge(said, agreement("judge", items, people, said)), items, people
