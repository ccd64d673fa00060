"""Meaning, sentence by sentence: how much of the logged sentences the response says no more."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace.attribution.answer_distance.meaning import Meaning

_COMPARED = 3
"""Sentences whose vectors are asked for; the others that are not said again are taken to be lost
as much."""

CHARACTERS = 160
"""Characters of a text that its vector is of; the cost grows with them."""

_FOUND = 0.25
"""Share of a sentence's words from which the sentence that says them is the one to compare with."""


@dataclass(frozen=True)
class Matched:
    """A logged sentence: its length in tokens, the share of it in [0, 1] that the response says,
    and the sentence there that says most of it."""

    text: str
    length: int
    share: float
    best: int

    @property
    def unsaid(self) -> float:
        """The part of its words that is not said again, as it counts."""
        return self.length * math.sqrt(1 - self.share)


def lost_meaning(
    logged: Sequence[Matched], response: Sequence[str], meaning: Meaning, *, across: bool
) -> float:
    """The share of the logged sentences whose meaning is lost, in [0, 1].

    Args:
        logged: the logged sentences, at least one.
        response: the sentences of the response, at least one.
        across: whether the two answers are in different languages.
    """
    compared = sorted(logged, key=lambda s: -s.unsaid)[:_COMPARED]
    unsaid = sum(sentence.unsaid for sentence in compared)
    if not unsaid:
        return 0.0
    position = {id(sentence): k / len(logged) for k, sentence in enumerate(logged)}
    lost = 0.0
    for sentence in compared:
        candidates = {sentence.best}
        if sentence.share < _FOUND:
            candidates.add(int(position[id(sentence)] * len(response)))
        texts = [response[k][:CHARACTERS] for k in sorted(candidates)]
        apart = meaning.distance([sentence.text[:CHARACTERS]], texts, across=across)
        lost += sentence.unsaid * apart**2
    every = sum(sentence.unsaid for sentence in logged) / sum(s.length for s in logged)
    return every * lost / unsaid
