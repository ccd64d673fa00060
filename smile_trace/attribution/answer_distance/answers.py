"""An answer as it is compared: its units (sentences, items, rows) and what each of them tells."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from smile_trace.attribution.answer_distance import calendar_words as calendar
from smile_trace.attribution.answer_distance import polarity
from smile_trace.attribution.answer_distance.normalisation import plain
from smile_trace.attribution.answer_distance.tokens import Kind, Token, is_han, sentence
from smile_trace.attribution.segmentation import boundaries

FUNCTION, VALUE = 0.05, 2.0
"""What a function word and a value, name or negation tell, a content word telling 1; a character
of Chinese or Japanese tells half as much as a word."""

EARLY = 0.4
"""Exponent of the weight of what comes first in an answer that was cut: a model goes on from what
it has said, so that the first sixth counts as much as the rest."""

_MOST_CHARACTERS, _MOST_UNITS = 8000, 80

_ABBREVIATED = re.compile(
    r"\b(?:Mrs?|Ms|Dr|Prof|St|Fr|Hr|Mme|Mlle|Sra?|Nr|No|Str|bzw|ca|vs|z\. ?B|[ei]\. ?[ge])\. ?$"
)
_ORDINAL = re.compile(r"\d\. ?$")


def tells(token: Token) -> float:
    """How much a token tells, in (0, 2]."""
    if token.kind not in (Kind.WORD, Kind.FUNCTION, Kind.UNIT):
        return VALUE
    of_word = FUNCTION if token.kind is Kind.FUNCTION else 1.0
    return of_word / 2 if is_han(token) and len(token.key) == 1 else of_word


@dataclass(frozen=True)
class Unit:
    """A sentence, an item of a list, a row of a table or a line of code."""

    tokens: tuple[Token, ...]
    text: str
    language: str | None

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The tokens' keys."""
        return tuple(token.key for token in self.tokens)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each key is in it."""
        return Counter(self.keys)

    @cached_property
    def weight(self) -> float:
        """How much it tells."""
        return sum(map(tells, self.tokens))

    @cached_property
    def negations(self) -> int:
        """How many negations are in it."""
        return sum(token.kind is Kind.NEGATION for token in self.tokens)


@dataclass(frozen=True)
class Answer:
    """An answer: the yes (True) or no (False) that it begins with, and its units."""

    raw: str
    particle: bool | None
    units: tuple[Unit, ...]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Those of all units."""
        return tuple(token for unit in self.units for token in unit.tokens)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not self.units and self.particle is None

    @cached_property
    def is_bare(self) -> bool:
        """Whether it says yes or no and nothing else: *No.*, *You can.*, *It is not.*"""
        return all(
            token.kind is Kind.NEGATION or (token.kind is Kind.FUNCTION and not is_han(token))
            for token in self.tokens
        )

    @property
    def says_yes(self) -> bool | None:
        """Whether it says yes; None where it says neither yes nor no."""
        if self.particle is not None or not self.is_bare:
            return self.particle
        return all(token.kind is not Kind.NEGATION for token in self.tokens)

    def weights(self, *, cut: bool) -> list[list[float]]:
        """Per unit the share of each token in what the answer tells, together 1; of an answer that
        was cut, what comes first counts more."""
        power, done, found = EARLY if cut else 1.0, 0.0, []
        total = sum(unit.weight for unit in self.units) or 1.0
        for unit in self.units:
            ends = np.cumsum([done, *map(tells, unit.tokens)])
            found.append([float(w) for w in np.diff((ends / total) ** power)])
            done = float(ends[-1])
        return found


@lru_cache(maxsize=512)
def read(raw: str) -> Answer:
    """An answer as it is compared."""
    particle, rest = polarity.split_particle(plain(raw[:_MOST_CHARACTERS]))
    spans: list[tuple[int, int]] = []
    for start, end in boundaries.sentences(rest)[:_MOST_UNITS]:
        if spans and _goes_on(rest[spans[-1][0] : start], rest[start:end]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    units = (_unit(rest[start:end]) for start, end in spans)
    return Answer(raw, particle, tuple(unit for unit in units if unit.tokens))


def _goes_on(before: str, after: str) -> bool:
    """Whether a full stop ended no sentence: after an abbreviation or an ordinal."""
    if before.rstrip(" ").endswith("\n"):
        return False
    word = re.match(r"\w*", after)
    of_date = word is not None and (word[0].islower() or word[0].lower() in calendar.MONTHS)
    return bool(_ABBREVIATED.search(before) or (of_date and _ORDINAL.search(before)))


def _unit(text: str) -> Unit:
    found = sentence(text)
    return Unit(found.tokens, text, found.language)
