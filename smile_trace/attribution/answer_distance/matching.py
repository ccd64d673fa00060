"""What a response says again of each unit of a logged answer; every word of it counts once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smile_trace.attribution.answer_distance.answers import Answer, Unit, tells
from smile_trace.attribution.answer_distance.same_token import same_key, same_word
from smile_trace.attribution.answer_distance.tokens import PLACED, Kind, Token

_REAL = 0.2
"""Share of a unit from which the unit of the response that says it is about the same."""

_CANDIDATES = 3


@dataclass
class Match:
    """A logged unit and what the response says of it.

    `weights`: of its tokens in the logged answer. `gone`: which of its tokens the response does not
    say. `place`: of the unit of the response that says most of it, None where none is left.
    `exact`: whether that says it word for word. `reworded`: the share of what is gone that other
    words tell. `agreement`: what is left of it after what is said otherwise, in [0, 1]; `kinds`
    says what that is.
    """

    unit: Unit
    weights: Sequence[float]
    gone: list[int]
    place: int | None = None
    exact: bool = False
    reworded: float = 0.0
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
        gone = sum(self.weights[k] for k in self.gone)
        return max(self.share - gone * (1 - self.reworded), 0.0)

    def contradict(self, kind: str, by: float) -> None:
        """Takes away a share of what it tells, in [0, 1]."""
        if by > 0:
            self.agreement *= 1 - by
            self.kinds.append(kind)

    def take(self, left: list[Token], same: Callable[[Token, Token], bool]) -> None:
        """Finds what is gone in what a unit of the response has left."""
        keys = {token.key for token in left}
        for k in list(self.gone) if left else ():
            token = self.unit.tokens[k]
            if token.kind is Kind.FUNCTION and token.key not in keys:
                continue  # of these there are most, and none has another form
            found = next((other for other in left if same(token, other)), None)
            if found is not None:
                self.gone.remove(k)
                left.remove(found)


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
    """Match what is not said word for word, first what is said most."""
    counts = {k: Counter(token.key for token in tokens) for k, tokens in enumerate(left) if tokens}
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
            k = -(matches.index(m) * len(left) // len(matches))
        m.place = -k
        m.take(left[-k], _same_content)
        if most >= _REAL * m.unit.weight:
            m.take(left[-k], same_key)
            m.take(left[-k], same_word)


def _said(unit: Unit, counts: Counter[str]) -> float:
    """How much of a unit is among words."""
    shared = unit.counts & counts
    if not shared:
        return 0.0
    said = 0.0
    for token in unit.tokens:
        if shared[token.key] > 0 and token.kind is not Kind.NEGATION:
            shared[token.key] -= 1
            said += tells(token)
    return said


def find_elsewhere(found: Match, left: Left) -> None:
    """Words that are said in the units beside the one that says most, and values anywhere."""
    assert found.place is not None
    for place in (found.place - 1, found.place + 1):
        if 0 <= place < len(left):
            found.take(left[place], _same_content)
    for tokens in left:
        found.take(tokens, _same_value)


def _same_content(one: Token, other: Token) -> bool:
    return one.kind not in (Kind.FUNCTION, Kind.NEGATION) and same_key(one, other)


def _same_value(one: Token, other: Token) -> bool:
    return one.kind in PLACED and one.kind is other.kind and same_key(one, other)
