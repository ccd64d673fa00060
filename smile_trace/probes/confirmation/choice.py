"""Which variants are worth a person's minute."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from smile_trace.probes.base import CHANGED
from smile_trace.records.judgement import ReviewItem

RANDOM_SHARE = 0.1
"""Of the choice, drawn from all that is left: what no rule would have shown."""


def choose(
    variants: Sequence[ReviewItem], number: int, seed: int, begun: Collection[str] = ()
) -> list[ReviewItem]:
    """Choose the most telling variants: those that others have judged, whom a second opinion makes
    comparable; then half by the largest effect, half near the border where an answer begins to
    count as another one, each probe and each prompt in turn; and a tenth at random.

    They come in random order, so that nothing but the variant itself tells a person what to say.

    Args:
        variants: those that the person has not judged.
        number: how many at most.
        seed: decides the random part and the order.
        begun: ids of variants that somebody else has judged.
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
    """By a key, but each probe in turn, and no prompt's second before every prompt's first."""
    of_prompt, of_probe = Counter[tuple[str, str]](), Counter[tuple[str, int]]()
    turns = list[tuple[int, int, ReviewItem]]()
    for variant in sorted(variants, key=key):
        again = of_prompt[variant.probe, variant.prompt]
        of_prompt[variant.probe, variant.prompt] += 1
        turns.append((again, of_probe[variant.probe, again], variant))
        of_probe[variant.probe, again] += 1
    return [variant for *_, variant in sorted(turns, key=lambda turn: turn[:2])]
