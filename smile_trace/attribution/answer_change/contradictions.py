"""The contradictions of a response: values, names, operators, negations, roles, order, words."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import groupby

from smile_trace.attribution.answer_change.matching import (
    ORDER,
    Answer,
    Left,
    Match,
    Unit,
    tells,
)
from smile_trace.attribution.answer_change.tokens import (
    PLACED,
    SOFT,
    WORDS,
    Kind,
    Token,
    comparable,
    is_han,
    same_key,
    same_word,
    sentence,
)
from smile_trace.attribution.answer_change.vocabulary import (
    REMINDER,
    denied_by_prefix,
    excluded_by,
    opposite_axis,
)
from smile_trace.attribution.word_vectors import embed_words, unit

Edit = tuple[str, int, int, int, int]
"""An edit as difflib's: "equal", "replace", "insert" or "delete", and the ranges."""

_MAX_CELLS = 4000
"""Size of the table beyond which difflib's faster search for common stretches is used."""


def edits(one: Sequence[str], other: Sequence[str]) -> list[Edit]:
    """The edits between two sequences, neighbours of a kind joined. Unlike difflib's they keep what
    is in place (*A beat B*, *B beat A*: `beat`): following a moved word spares no edit."""
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    tail = 0
    while tail < min(len(one), len(other)) - begin and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    a, b = one[begin : len(one) - tail], other[begin : len(other) - tail]
    if len(a) * len(b) > _MAX_CELLS:
        return list(SequenceMatcher(None, one, other, autojunk=False).get_opcodes())
    steps = [*["equal"] * begin, *_steps(a, b), *["equal"] * tail]
    return _joined(steps)


def _steps(a: Sequence[str], b: Sequence[str]) -> list[str]:
    rows = [list(range(len(b) + 1))]
    for i, word in enumerate(a, start=1):
        above, row = rows[-1], [i]
        for j, other in enumerate(b, start=1):
            row.append(min(above[j - 1] + (word != other), above[j] + 1, row[j - 1] + 1))
        rows.append(row)
    steps, i, j = [], len(a), len(b)
    while i or j:
        here = rows[i][j]
        if i and j and here == rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]):
            steps.append("equal" if a[i - 1] == b[j - 1] else "replace")
            i, j = i - 1, j - 1
        elif i and here == rows[i - 1][j] + 1:
            steps.append("delete")
            i -= 1
        else:
            steps.append("insert")
            j -= 1
    return steps[::-1]


def _joined(steps: Sequence[str]) -> list[Edit]:
    """Runs of edits; those between two equal stretches form one."""
    found: list[Edit] = []
    i = j = k = 0
    while k < len(steps):
        a, c, equal = i, j, steps[k] == "equal"
        while k < len(steps) and (steps[k] == "equal") == equal:
            i += steps[k] != "insert"
            j += steps[k] != "delete"
            k += 1
        kind = (
            "equal" if equal else "replace" if a < i and c < j else "delete" if a < i else "insert"
        )
        found.append((kind, a, i, c, j))
    return found


# Each begins where a line or a word does, so that a long one is read once.
_NUMBERED = re.compile(r"^[^\S\n]*\d{1,2}[.)]\s", re.MULTILINE)
_BULLET = re.compile(r"^[^\S\n]*[-*•+]\s+(.+)$", re.MULTILINE)
_ENUMERATION = re.compile(
    r"(?<![^\s,:;.、：])[^\s,:;.、：]++(?: [^\s,:;.、：]++)?"
    r"(?:(?:, |、)[^\s,:;.、]+(?: [^\s,:;.、]+)?)+"
    r"(?:(?:,? (?:and|und|et|y|or|oder|ou|o) |和|及)[^\s,:;.、]+)?"
)


def states_order(raw: tuple[str, str]) -> bool:
    """Whether the order of two answers' statements tells something."""
    return all(_NUMBERED.search(text) for text in raw) or any(ORDER.search(t) for t in raw)


def enumerated(raw: tuple[str, str]) -> frozenset[str]:
    """The words of lists without a stated order, as tokens' keys."""
    if any(ORDER.search(text) or _NUMBERED.search(text) for text in raw):
        return frozenset()
    items = [item for text in raw for item in (*_BULLET.findall(text), *_ENUMERATION.findall(text))]
    return frozenset(key for item in items for key in sentence(item).keys)


OTHERWISE = 0.8
"""Share of a unit that is lost by another value, negation or role."""

_EXCHANGED = 0.6
"""Share of a unit that is lost by an exchanged word if the rest stayed. At least 0.4 of it counts,
however near the words: static vectors hardly tell synonyms from neighbours."""

_ALIKE = (0.1, 0.5)
"""Cosines of static vectors up to which two words differ in meaning, and from which they agree."""

_FRAME = (0.7, 0.9)
"""Frame shares up to which words count as rephrased, and from which as exchanged."""

_DENIES = 0.15
"""Share of an added denial that a sentence has to say for the denial to be about it."""

_LABEL = 3
_PARTS = frozenset((Kind.OPERATOR, Kind.UNIT, Kind.HALF))


@dataclass(frozen=True)
class Pair:
    """A logged unit beside the unit of the response that says most of it."""

    logged: Unit
    response: Unit

    @cached_property
    def _steps(self) -> list[Edit]:
        shapes = [
            [str(t.kind) if t.kind in PLACED else t.key for t in one.tokens]
            for one in (self.logged, self.response)
        ]
        return edits(*shapes)

    @property
    def _is_label(self) -> bool:
        return max(len(self.logged.tokens), len(self.response.tokens)) <= _LABEL

    @cached_property
    def stayed(self) -> float:
        """How sure it is that the difference is an exchange, in [0, 1]: by the share of both in the
        same order, values by their kind. Two labels are exchanged as a whole."""
        if self._is_label:
            return 1.0
        shared = [(j - i, c, d) for tag, i, j, c, d in self._steps if tag == "equal"]
        if not shared:
            return 0.0
        span = shared[-1][2] - shared[0][1]
        frame = 2 * sum(n for n, _, _ in shared) / (len(self.logged.tokens) + span)
        return _ramp(frame, *_FRAME)

    @property
    def exchanged(self) -> list[tuple[Sequence[Token], Sequence[Token]]]:
        """The exchanged stretches."""
        if self._is_label:
            return [(self.logged.tokens, self.response.tokens)]
        both = (self.logged.tokens, self.response.tokens)
        return [(both[0][i:j], both[1][c:d]) for tag, i, j, c, d in self._steps if tag == "replace"]

    @property
    def around(self) -> Unit:
        """The stretch of the response around what both say in the same order."""
        shared = [(c, d) for tag, _, _, c, d in self._steps if tag == "equal"]
        if self._is_label or not shared:
            return self.response
        near = 10 if any(map(is_han, self.logged.tokens)) else 5
        begin = max(shared[0][0] - near, 0)
        return Unit(self.response.tokens[begin : shared[-1][1] + near], "", self.response.language)

    @property
    def swapped(self) -> frozenset[str]:
        """The words that took each other's places, opposites aside: *A beat B*, *B beat A*."""
        one, other = self.logged, self.response
        if abs(len(one.tokens) - len(other.tokens)) > 1 or (one.counts - other.counts).total() > 1:
            return frozenset()
        moved = [
            (one.keys[i:j], other.keys[c:d])
            for tag, i, j, c, d in edits(one.keys, other.keys)
            if tag != "equal"
        ]
        if len(moved) < 2 or not all(a and b for a, b in moved):
            return frozenset()
        before, after = (
            Counter(k for both in moved for k in both[side] if not opposite_axis(k))
            for side in (0, 1)
        )
        return frozenset(before) if before == after else frozenset()

    @property
    def reordered(self) -> bool:
        """Whether both have the same words in another order."""
        a, b = ([t.key for t in u.tokens if t.kind in SOFT] for u in (self.logged, self.response))
        return a != b and Counter(a) == Counter(b) and self.logged.counts == self.response.counts

    @property
    def negation_moved(self) -> bool:
        """Whether both are negated as often, but not in the same place."""
        if not self.logged.negations or self.logged.negations != self.response.negations:
            return False
        same = (
            self.logged.tokens[k].kind is Kind.NEGATION
            for tag, i, j, _, _ in self._steps
            if tag == "equal"
            for k in range(i, j)
        )
        return sum(same) < self.logged.negations


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def contradictions(
    found: Match,
    left: Left,
    others: Sequence[Match],
    answers: tuple[Answer, Answer],
    *,
    ordered: bool,
) -> None:
    """Notes in a match what the response says otherwise.

    Args:
        left: the response's additions; another value is taken out.
        others: the other matches; their missing words may have another place in the response.
        answers: the logged answer and the response.
        ordered: whether the order of their statements tells something.
    """
    assert found.place is not None
    pair = Pair(found.unit, answers[1].units[found.place])
    if pair.logged.text.startswith(pair.response.text):
        return  # cut, perhaps within a value
    beside = left[found.place]
    _values(found, pair, beside, others)
    _turned(found, pair, (answers[0].raw, answers[1].raw), ordered=ordered)
    for out, new, sure in _exchanged(found, pair, beside):
        found.contradict("word", _EXCHANGED * sure * (0.4 + 0.6 * _apart(out, new)))


def _exchanged(
    found: Match, pair: Pair, left: Sequence[Token]
) -> Iterator[tuple[Sequence[Token], Sequence[Token], float]]:
    """Exchanged words, and how sure the exchange is: in any order if nothing else differs."""
    gone, new = ([t for t in tokens if t.kind in WORDS] for tokens in (found.lost, left))
    if gone and new and len(found.gone) == len(left) == 1:
        yield gone, new, 1.0
        return
    fresh = {id(token) for token in new}
    for before, after in pair.exchanged if pair.stayed else ():
        out = [t for t in before if t in gone]
        into = [t for t in after if id(t) in fresh]
        if out and into:
            yield out, into, pair.stayed


def _values(found: Match, pair: Pair, left: list[Token], others: Sequence[Match]) -> None:
    """Notes other values, names, units, operators and choices."""
    elsewhere = [match for match in others if match is not found]
    for token in found.lost:
        if token.kind in PLACED:
            rivals = (
                other
                for other in left
                if comparable(token, other)
                and not any(same_key(other, one) for match in elsewhere for one in match.lost)
            )
        elif token.kind in _PARTS:
            rivals = (other for other in left if other.kind is token.kind)
        elif (excluded := excluded_by(token.key)) and pair.stayed:
            rivals = (other for other in left if other.key in excluded)
        else:
            continue
        if (rival := next(rivals, None)) is not None:
            left.remove(rival)
            found.contradict(str(token.kind), OTHERWISE)
            if token.key != rival.key and token.unit and rival.unit not in (None, token.unit):
                found.contradict("unit", OTHERWISE)


def _turned(found: Match, pair: Pair, raw: tuple[str, str], *, ordered: bool) -> None:
    """Notes negations, opposites and roles; an opposite undoes a swap of roles."""
    swapped = pair.swapped
    if swapped and swapped <= enumerated(raw):
        swapped = frozenset()
    around, one = pair.around, pair.logged
    negated, flips = _negated(one, around), _flips(one, around)
    if ordered and pair.reordered:
        found.contradict("order", OTHERWISE)
    elif (negated + flips + bool(swapped)) % 2:
        kind = "roles" if swapped else "polarity" if flips else "negation"
        found.contradict(kind, OTHERWISE * (1.0 if swapped else max(pair.stayed, found.said)))
    elif negated + flips + bool(swapped) == 2:  # *not open*, *closed*
        turned = (t.kind is Kind.NEGATION or opposite_axis(t.key) for t in found.lost)
        found.gone = [k for k, gone in zip(found.gone, turned, strict=True) if not gone]
    elif pair.negation_moved:
        found.contradict("negation", OTHERWISE * pair.stayed)


def _negated(one: Unit, other: Unit) -> bool:
    """Whether one of the two is negated; English negations cancel, those of others add up."""
    if one.language == other.language == "en":
        return (one.negations - other.negations) % 2 == 1
    return bool(one.negations) != bool(other.negations)


def _flips(one: Unit, other: Unit) -> bool:
    """Whether a word has its opposite in the other unit, and not itself."""
    mine, theirs = (
        {opposite_axis(t.key) for t in u.tokens if t.kind in SOFT} - {None} for u in (one, other)
    )
    for axis, pole in mine - theirs:  # type: ignore[misc]
        if (axis, -pole) in theirs and (axis, -pole) not in mine:
            return True
    words, others = ({t.key for t in u.tokens if t.kind is Kind.WORD} for u in (one, other))
    return denied_by_prefix(words - others, others - words)


def _apart(one: Sequence[Token], other: Sequence[Token]) -> float:
    """The distance in meaning of two expressions, in [0, 1], by static vectors."""
    a, b = (("" if is_han(t[0]) else " ").join(token.key for token in t) for t in (one, other))
    return _apart_in_meaning(a, b)


@lru_cache(maxsize=4096)
def _apart_in_meaning(one: str, other: str) -> float:
    a, b = unit(embed_words([one, other]))
    return 1 - _ramp(float(a @ b), *_ALIKE)


def reorder(matches: Sequence[Match]) -> None:
    """Contradicts units that stand before what they followed, if the order tells something."""
    placed = [(m, m.place) for m in matches if m.place is not None and m.said >= 0.5]
    for k, (found, place) in enumerate(placed):
        turned = sum((there - place) * (j - k) < 0 for j, (_, there) in enumerate(placed))
        found.contradict("order", OTHERWISE * min(3 * turned / max(len(placed) - 1, 1), 1.0))


def take_back(matches: Sequence[Match], response: Answer) -> None:
    """Contradicts the sentences that an added denial of the response is about, which one word
    in another form does not tell. A reminder, *do not forget*, denies nothing."""
    used = {response.units[found.place].sentence for found in matches if found.place is not None}
    logged = [list(of) for _, of in groupby(matches, key=lambda found: found.unit.sentence)]
    for number, units in groupby(response.units, key=lambda unit: unit.sentence):
        if number in used:
            continue
        added = [token for unit in units for token in _without_reminder(unit)]
        if all(token.kind is not Kind.NEGATION for token in added):
            continue
        words = [t for t in added if t.kind not in (Kind.FUNCTION, Kind.NEGATION)]
        total = sum(map(tells, words)) or 1.0
        for clauses in logged:
            tokens = [token for found in clauses for token in found.unit.tokens]
            keys = {token.key for token in tokens}
            shared = [t for t in words if t.key in keys or any(same_word(o, t) for o in tokens)]
            about = sum(map(tells, shared))
            told = len(shared) > 1 or any(t.key in keys for t in shared)
            if told and about >= _DENIES * total:
                for found in clauses:
                    found.contradict("negation", OTHERWISE * min(2 * about / total, 1.0))


def _without_reminder(unit: Unit) -> Sequence[Token]:
    """The tokens of a unit without those of a reminder."""
    bare = REMINDER.sub("", unit.text)
    return unit.tokens if bare == unit.text else sentence(bare).tokens
