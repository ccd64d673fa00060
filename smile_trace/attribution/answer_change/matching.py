"""An answer as it is compared (clauses, items, rows), and what a response says again of each."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from smile_trace.attribution.answer_change.tokens import (
    COUNTED,
    PLACED,
    Kind,
    Token,
    is_han,
    plain,
    same_key,
    same_word,
    sentence,
    stem,
)
from smile_trace.attribution.answer_change.vocabulary import MONTHS, split_particle
from smile_trace.attribution.segmentation import boundaries

FUNCTION, VALUE = 0.05, 2.0
"""How much a function word tells, and a value, name or negation; a content word tells 1, and a
character of Chinese or Japanese half as much as a word."""

EARLY = 0.4
"""Exponent of the position in an answer that was cut: a model goes on from what it has said, so the
first sixth counts as much as the rest."""

_MOST_CHARACTERS, _MOST_UNITS = 8000, 80

_LEAST_CLAUSE = 3.0
"""What a clause tells at least to be compared alone: fewer words are an item of an enumeration."""

_CLAUSE_END = re.compile(r"(?<=[;、])|(?<=,)(?=\s|[^\x00-\u024f])")

ORDER = re.compile(
    r"rank|\border|\bfirst\b|\bthen\b|follow|\bbest\b|priorit|most .* to |reihenfolge|zuerst|platz"
    r"|rang|\bordre\b|d'abord|class|\borden\b|primero|segundo|順|位|排|首先|其次|第一",
    re.IGNORECASE,
)
"""Words that state an order."""

_ORDINAL = re.compile(r"\d\. ?\Z")


def tells(token: Token) -> float:
    """How much a token tells, in (0, 2]."""
    of_word = _TELLS.get(token.kind, VALUE)
    return of_word / 2 if len(token.key) == 1 and of_word <= 1 and is_han(token) else of_word


_TELLS = {Kind.WORD: 1.0, Kind.FUNCTION: FUNCTION, Kind.UNIT: 1.0}


@dataclass(frozen=True)
class Unit:
    """A clause, an item of a list, a row of a table or a line of code; `sentence` is the number of
    the sentence that it is in."""

    tokens: tuple[Token, ...]
    text: str
    language: str | None
    sentence: int = 0

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The tokens' keys."""
        return tuple(token.key for token in self.tokens)

    @cached_property
    def counts(self) -> Counter[str]:
        """The number of occurrences of each key."""
        return Counter(self.keys)

    @cached_property
    def weight(self) -> float:
        """How much the unit tells."""
        return sum(map(tells, self.tokens))

    @cached_property
    def content(self) -> list[tuple[str, float]]:
        """The key of each token but negations, and how much it tells."""
        kept = (token for token in self.tokens if token.kind is not Kind.NEGATION)
        return [(token.key, tells(token)) for token in kept]

    @cached_property
    def negations(self) -> int:
        """The number of negations."""
        return sum(token.kind is Kind.NEGATION for token in self.tokens)


@dataclass(frozen=True)
class Answer:
    """An answer: the yes (True) or no (False) that it begins with, and its units."""

    raw: str
    particle: bool | None
    units: tuple[Unit, ...]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of all units."""
        return tuple(token for unit in self.units for token in unit.tokens)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not self.units and self.particle is None

    @cached_property
    def is_bare(self) -> bool:
        """Whether it says yes or no and nothing else: *No.*, *You can.*, not *There.*"""
        if len(self.tokens) == 1 and self.tokens[0].kind is Kind.FUNCTION:
            return False
        return all(
            token.kind is Kind.NEGATION or (token.kind is Kind.FUNCTION and not is_han(token))
            for token in self.tokens
        )

    @property
    def says_yes(self) -> bool | None:
        """Whether it says yes; None if it says neither yes nor no."""
        if self.particle is not None or not self.is_bare:
            return self.particle
        return all(token.kind is not Kind.NEGATION for token in self.tokens)

    def weights(self, *, cut: bool) -> list[list[float]]:
        """The tokens' shares in what the answer tells, by unit; the beginning counts more if
        `cut`."""
        power, done, found = EARLY if cut else 1.0, 0.0, []
        total = sum(unit.weight for unit in self.units) or 1.0
        for unit in self.units:
            ends = np.cumsum([done, *map(tells, unit.tokens)])
            found.append([float(w) for w in np.diff((ends / total) ** power)])
            done = float(ends[-1])
        return found


@lru_cache(maxsize=512)
def read(raw: str) -> Answer:
    """The answer in its compared form; of a long one the beginning."""
    raw = raw[:_MOST_CHARACTERS]
    particle, rest = split_particle(plain(raw))
    spans: list[tuple[int, int]] = []
    for start, end in boundaries.sentences(rest)[:_MOST_UNITS]:
        if spans and _goes_on(rest[spans[-1][0] : start], rest[start:end]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    units = (unit for k, span in enumerate(spans) for unit in _clauses(rest[slice(*span)], k))
    return Answer(raw, particle, tuple(unit for unit in units if unit.tokens))


def _goes_on(before: str, after: str) -> bool:
    """Whether an ordinal's full stop is between them: of a date, or before a small letter."""
    word = re.match(r"\w*", after)
    of_date = word is not None and (word[0].islower() or word[0].lower() in MONTHS)
    return of_date and _ORDINAL.search(before) is not None


def _clauses(text: str, number: int) -> Iterator[Unit]:
    """A sentence's clauses, joined until each tells enough; the whole sentence states an order."""
    pieces = [text] if ORDER.search(text) else _CLAUSE_END.split(text)
    told = list(map(_telling, pieces))
    clause, here, left = "", 0.0, sum(told)
    for piece, tells_ in zip(pieces, told, strict=True):
        clause, here, left = clause + piece, here + tells_, left - tells_
        if round(min(here, left), 6) >= _LEAST_CLAUSE:
            yield _unit(clause, number)
            clause, here = "", 0.0
    yield _unit(clause, number)


def _telling(text: str) -> float:
    """How much a text tells, denied or not, whatever the values."""
    words = (token for token in sentence(text).tokens if token.kind is not Kind.NEGATION)
    return sum(min(tells(word), 1.0) for word in words)


def _unit(text: str, number: int) -> Unit:
    found = sentence(text)
    return Unit(found.tokens, text, found.language, number)


_REAL = 0.2
"""Share of a unit from which the response's unit that says it is about the same."""

_CANDIDATES = 3


@dataclass
class Match:
    """A logged unit and what the response says of it.

    `weights` are those of its tokens in the logged answer, `gone` the tokens that the response does
    not say. `place` is the response's unit that says most of it (None if none is left), `exact`
    whether it does so word for word. `reworded` is the share of what is gone that other words tell,
    `replaced` the share for which there are other words, whatever they tell, and `agreement` what
    the contradictions named by `kinds` leave of it, in [0, 1].
    """

    unit: Unit
    weights: Sequence[float]
    gone: list[int]
    place: int | None = None
    exact: bool = False
    reworded: float = 0.0
    replaced: float = 0.0
    agreement: float = 1.0
    kinds: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Its share of what the logged answer tells, in [0, 1]."""
        return sum(self.weights)

    @property
    def lost(self) -> list[Token]:
        """The tokens that are gone."""
        return [self.unit.tokens[k] for k in self.gone]

    @property
    def said(self) -> float:
        """The share of what the unit tells that is said again, in [0, 1]."""
        return 1 - sum(map(tells, self.lost)) / self.unit.weight

    @property
    def told(self) -> float:
        """The share of the answer that it is, as far as it is said again or in other words."""
        counted = {k for k in self.gone if self.unit.tokens[k].kind in COUNTED}
        gone = sum(self.weights[k] * (1 - self.reworded * (k not in counted)) for k in self.gone)
        return max(self.share - gone, 0.0)

    @property
    def in_doubt(self) -> float:
        """The share of the answer that is gone, and for which there are words that are not near in
        meaning, so that it may be said or not."""
        gone = sum(self.weights[k] for k in self.gone)
        return max(self.replaced - self.reworded, 0.0) * gone

    def contradict(self, kind: str, by: float) -> None:
        """Takes away the share `by` of what the unit tells, in [0, 1]."""
        if by > 0:
            self.agreement *= 1 - by
            self.kinds.append(kind)

    def take(
        self,
        left: list[Token],
        same: Callable[[Token, Token], bool],
        shared: Callable[[Token], str | None] = lambda token: token.key,
    ) -> None:
        """Takes the lost tokens that a unit of the response has left: of those that are the `same`,
        the first. What two such have in common is `shared`, None if a token is like none."""
        if not (left and self.gone):
            return
        places: dict[str | None, list[int]] = {}
        for place, other in enumerate(left):
            places.setdefault(shared(other), []).append(place)
        taken: dict[int, int] = {}
        for k in self.gone:
            token = self.unit.tokens[k]
            near = places.get(shared(token), [])
            found = next((place for place in near if same(token, left[place])), None)
            if found is not None:
                near.remove(found)
                taken[k] = found
        self.gone = [k for k in self.gone if k not in taken]
        for place in sorted(taken.values(), reverse=True):
            del left[place]


Left = list[list[Token]]
"""Per unit of the response its tokens that say nothing of the logged answer again."""


def match(one: Answer, other: Answer, *, cut: bool) -> tuple[list[Match], Left]:
    """The units of the logged answer, each with the unit of the response that says most of it."""
    left = [list(unit.tokens) for unit in other.units]
    places: dict[tuple[Token, ...], list[int]] = {}
    for k, unit in enumerate(other.units):
        places.setdefault(unit.tokens, []).append(k)
    matches = []
    for unit, weights in zip(one.units, one.weights(cut=cut), strict=True):
        found = Match(unit, weights, list(range(len(unit.tokens))))
        if places.get(unit.tokens):
            found.place = places[unit.tokens].pop(0)
            found.gone, left[found.place], found.exact = [], [], True
        matches.append(found)
    _nearest([found for found in matches if not found.exact], matches, left)
    return matches, left


def _nearest(rest: Sequence[Match], matches: Sequence[Match], left: Left) -> None:
    """Matches units that are not said word for word, starting with the best said."""
    counts = {k: Counter(token.key for token in tokens) for k, tokens in enumerate(left) if tokens}
    places = {id(m): k for k, m in enumerate(matches)}  # units may be equal
    said = {
        id(m): sorted(((_said(m.unit, of), -k) for k, of in counts.items()), reverse=True)
        for m in rest
    }
    for m in sorted(rest, key=lambda m: -said[id(m)][0][0] / m.unit.weight if counts else 0):
        if not counts:
            return
        candidates = (k for _, k in said[id(m)][:_CANDIDATES])
        most, k = max((_said(m.unit, Counter(t.key for t in left[-k])), k) for k in candidates)
        if not most:  # the unit at its place
            k = -(places[id(m)] * len(left) // len(matches))
        m.place = -k
        m.take(left[-k], _same_content)
        if most >= _REAL * m.unit.weight:
            m.take(left[-k], same_key)
            m.take(left[-k], same_word, stem)


def _said(unit: Unit, counts: Counter[str]) -> float:
    """How much of a unit's content is among the counted words."""
    said, used = 0.0, Counter[str]()
    for key, amount in unit.content:
        if key in counts and used[key] < counts[key]:
            used[key] += 1
            said += amount
    return said


def find_elsewhere(found: Match, left: Left) -> None:
    """Takes lost words from the units beside the matched one, and lost values from anywhere."""
    assert found.place is not None
    for place in (found.place - 1, found.place + 1):
        if 0 <= place < len(left):
            found.take(left[place], _same_content)
    if any(token.kind in PLACED for token in found.lost):
        for tokens in left:
            found.take(tokens, _same_value)


def _same_content(one: Token, other: Token) -> bool:
    return one.kind not in (Kind.FUNCTION, Kind.NEGATION) and same_key(one, other)


def _same_value(one: Token, other: Token) -> bool:
    return one.kind in PLACED and one.kind is other.kind and same_key(one, other)
