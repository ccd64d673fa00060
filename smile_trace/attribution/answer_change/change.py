"""The answer change: the share of a logged answer left out or contradicted, in [0, 1].

    change = 1 - sum over the units of the logged answer of   share · (said + reworded) · agreement

Units are clauses, items of lists, rows of tables and lines of code. *share*: the unit's share of
what the answer tells: a content word 1, a value, name or negation 2, a function word almost
nothing. *said*: the share of the unit that the response says again, in any form; every word of the
response counts once. *reworded*: of the rest, numbers and dates aside, as much as other words of
the response tell, times how near in meaning the units' sentence vectors are. *agreement*: 1, less
0.8 of what is left for each other value, name, negation, role or place in an order, and up to 0.6
for each word exchanged in a frame that stayed. Additions cost nothing, unless they deny what the
logged answer says.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, product
from typing import Any

import numpy as np

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.attribution.answer_change.contradictions import (
    OTHERWISE,
    contradictions,
    reorder,
    states_order,
    take_back,
)
from smile_trace.attribution.answer_change.matching import (
    VALUE,
    Answer,
    Left,
    Match,
    Unit,
    find_elsewhere,
    match,
    read,
    tells,
)
from smile_trace.attribution.answer_change.tokens import COUNTED, SOFT, WORDS, Kind, Token, agree
from smile_trace.attribution.answer_change.vocabulary import canonical
from smile_trace.attribution.answer_span import AnswerSpan
from smile_trace.attribution.word_vectors import Embed, Meaning, Vectors

_ORDERED_KEY = re.compile(
    r"rank|order|step|priorit|sort|top|reihe|schritt|ordre|etape|orden|paso", re.I
)
_SENTENCE_ENDS = ".", "!", "?", "…"
_FENCE, _FENCE_END = re.compile(r"```(?:json)?\s*(?=[\[{])"), re.compile(r"[\]}](?=\s*```)")
_BEFORE_ANOTHER = re.compile(r"[.!?…][\"'”’»)]?\s")


def parsed_json(text: str) -> Any:
    """The JSON object or list that a text holds, alone or in a fence; None if there is none."""
    opened = _FENCE.search(text)
    closed = _FENCE_END.search(text, opened.end() + 1) if opened else None
    candidate = text[opened.end() : closed.end()] if opened and closed else text.strip()
    if not candidate.startswith(("{", "[")):
        return None
    try:
        return foreign.decode(candidate, lenient=True)
    except ForeignDataError:
        return None


def json_change(one: Any, other: Any) -> float:
    """The share of two JSON texts' values that differ, in [0, 1]; lists are compared as sets unless
    their key names an order."""
    lost, total = _lost_of(one, other, "")
    return min(lost / total, 1.0)


def is_order(key: str) -> bool:
    """Whether the order of a list counts, by its key: `ranking`, `steps`."""
    return _ORDERED_KEY.search(key) is not None


def as_value(text: str) -> str:
    """A JSON value's text as a program reads it: its spacing is form, its letters' case is not,
    unless it is free text of several sentences, which a person reads."""
    text = " ".join(text.split())
    free = text.rstrip("\"'”’»)").endswith(_SENTENCE_ENDS) and _BEFORE_ANOTHER.search(text)
    return text.casefold() if free else text


def _lost_of(one: Any, other: Any, key: str) -> tuple[float, int]:
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [_lost_of(one[k], other[k], k) for k in one if k in other]
        gone = sum(_leaves(one[k]) for k in one if k not in other)
        new = sum(_leaves(other[k]) for k in other if k not in one)
        lost = sum(part[0] for part in parts) + gone + (0.5 * new if not gone else 0)
        return lost, max(sum(part[1] for part in parts) + gone + (new if not gone else 0), 1)
    if isinstance(one, list) and isinstance(other, list):
        if is_order(key):
            apart = sum(_written(a) != _written(b) for a, b in zip(one, other, strict=False))
            return apart + abs(len(one) - len(other)), max(len(one), len(other), 1)
        mine, theirs = Counter(map(_written, one)), Counter(map(_written, other))
        lost = max((mine - theirs).total(), (theirs - mine).total())
        return lost, max(len(one), len(other), 1)
    return float(_written(one) != _written(other)), 1


def _leaves(value: Any) -> int:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return max(sum(_leaves(item) for item in inside), 1)
    return 1


def _written(value: Any) -> str:
    """A canonical form: keys sorted, texts as a program reads them, 3.0 as 3."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{_written(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted(map(_written, value))) + "]"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return canonical(value)
    return as_value(value)


_NOT_REWORDED = COUNTED | {Kind.FUNCTION}
_FACTS = COUNTED | {Kind.NAME, Kind.NEGATION, Kind.OPERATOR}

_STANDS_FOR = 1.5
"""Words that one word may stand for: a paraphrase may be shorter."""

_LEAST = 0.02
"""Share of an answer below which other words are not looked for."""

_LITTLE, _FAR = 0.1, 0.7
"""Changes from which a response counts as another answer, and beyond which it tells something
unrelated, whatever its words may say: vectors know that much."""

_COMPARED, _VECTOR_CHARACTERS = 12, 200
"""Units of a response whose vectors are asked for, and characters of each; cost grows with both."""

_POWERS = 0.5, 1.0
"""What both say brings two vectors near, whatever the rest says: the distance of clauses is divided
by the root of the share that only one of them says, that of whole sentences by the share."""

_Stretch = tuple[str, float]
"""A text, and the share of what it tells that the other answer does not say."""


@dataclass(frozen=True)
class AnswerChange:
    """How far a response is from the logged answer. `left_out` is the share of the logged answer
    that is no longer said, `contradicted` the share that is said otherwise, and `kinds` names the
    contradictions, such as `number` or `negation`. `reworded` is the share that counts as said only
    because other words are near in meaning, which words that tell the opposite may be, too;
    `in_doubt` the share that counts as lost although there are other words that may say it.
    `has_facts`: whether each number, name and negation of the logged answer is in the response."""

    left_out: float = 0.0
    contradicted: float = 0.0
    kinds: tuple[str, ...] = ()
    reworded: float = 0.0
    in_doubt: float = 0.0
    has_facts: bool = False

    @property
    def change(self) -> float:
        """The answer change, in [0, 1]."""
        return min(self.left_out + self.contradicted, 1.0)

    @property
    def keeps_facts(self) -> bool:
        """Whether the response has the facts, and for nearly all else that it does not say again
        other words, which do not tell something unrelated."""
        return self.has_facts and self.change <= _FAR and self.change - self.in_doubt < _LITTLE

    @property
    def may_say_the_same(self) -> bool:
        """Whether it counts as another answer, but may be the same one in other words."""
        return self.change >= _LITTLE and self.keeps_facts


def compare(logged: str, response: str, meaning: Meaning, *, cut: bool = False) -> AnswerChange:
    """The distance of a response from the logged answer; for JSON, the share of values that differ,
    which are all of them where a response holds no JSON: a program reads nothing from it.

    Args:
        meaning: sentence vectors for rewordings.
        cut: whether the logged answer was cut at a length: then what comes first counts more, since
            the rest follows from it.
    """
    one, other = parsed_json(logged), parsed_json(response)
    if one is not None and other is not None:
        change = json_change(one, other)
        return AnswerChange(contradicted=change, kinds=("json",) if change else ())
    if one is not None and not re.search(r"[\[{]", response):
        return AnswerChange(1.0, kinds=("json",))
    return _of_texts(read(logged), read(response), meaning, cut)


def says(response: str, part: str) -> bool:
    """Whether a response says a part of an answer in its own words, at one place."""
    said, wanted = (read(text).tokens for text in (response, part))
    places = range(len(said) - len(wanted) + 1)
    return bool(wanted) and any(all(map(_same, wanted, said[k:])) for k in places)


def _same(one: Token, other: Token) -> bool:
    amounts = one.kind is other.kind is Kind.NUMBER
    return agree(one, other) if amounts else one.key == other.key


def _of_texts(one: Answer, other: Answer, meaning: Meaning, cut: bool) -> AnswerChange:
    if one.particle is other.particle and one.tokens == other.tokens:
        same = not one.is_empty or one.raw.strip() == other.raw.strip()
        return AnswerChange() if same else AnswerChange(1.0)
    if one.is_empty or other.is_empty:
        return AnswerChange(1.0)
    agreement = _yes_or_no(one, other)
    kinds = ["yes or no"] * (agreement < 1)
    if one.is_bare:
        return AnswerChange(0.0, 1 - agreement, tuple(kinds))
    matches, left = match(one, other, cut=cut)
    found = [m for m in matches if not m.exact and m.place is not None]
    found.sort(key=lambda m: -m.said)
    ordered = states_order((one.raw, other.raw))
    for m in found:
        contradictions(m, left, found, (one, other), ordered=ordered)
    for m in found:
        find_elsewhere(m, left)
    if ordered:
        reorder(matches)
    take_back(matches, other)
    yes = _yes(one, other)

    def kept() -> float:
        return (yes + (1 - yes) * sum(m.told * m.agreement for m in matches)) * agreement

    in_its_words = kept()
    _reword(matches, other, left, meaning)
    told = min(yes + (1 - yes) * sum(m.told for m in matches), 1.0)
    kinds += [kind for m in matches for kind in m.kinds]
    lost = {token.kind for m in matches for token in m.lost}
    return AnswerChange(
        left_out=max(1 - told, 0.0),
        contradicted=max(told - kept(), 0.0),
        kinds=tuple(dict.fromkeys(kinds)),
        reworded=kept() - in_its_words,
        in_doubt=sum(m.in_doubt * m.agreement for m in matches) * (1 - yes) * agreement,
        has_facts=not kinds and not lost & _FACTS,
    )


def _yes_or_no(one: Answer, other: Answer) -> float:
    """The agreement of two answers' yes or no; 1 if a full sentence has neither."""
    mine, theirs = one.says_yes, other.says_yes
    if mine is not None and mine is theirs:
        return 1.0
    if mine is None or theirs is None:
        return 1 - OTHERWISE if one.is_bare or other.is_bare else 1.0
    return 1 - OTHERWISE


def _yes(one: Answer, other: Answer) -> float:
    """The share of an answer that its yes or no tells, if the other has the same."""
    if one.particle is None or one.particle is not other.particle:
        return 0.0
    return VALUE / (VALUE + sum(unit.weight for unit in one.units))


def _reword(matches: Sequence[Match], response: Answer, left: Left, meaning: Meaning) -> None:
    """Lets other words stand for the lost ones, each once, nearest units first."""
    wanted = {
        k: sum(tells(token) for token in m.lost if token.kind not in COUNTED)
        for k, m in enumerate(matches)
        if any(token.kind not in _NOT_REWORDED for token in m.lost) and m.share - m.told > _LEAST
    }
    given = {
        k: _STANDS_FOR * sum(tells(token) for token in tokens if token.kind in SOFT)
        for k, tokens in enumerate(left)
        if any(token.kind in WORDS for token in tokens)
    }
    compared = sorted(given, key=given.__getitem__, reverse=True)[:_COMPARED]
    mine = _stretches([(m.unit, m.lost) for m in matches])
    theirs = _stretches(list(zip(response.units, left, strict=True)))
    if wanted and compared:
        stretches = *(mine[k] for k in wanted), *(theirs[v] for v in compared)
        meaning.learn([text for both in stretches for text, _ in both])
    near = []
    for k, v in product(wanted, compared):
        across = len({matches[k].unit.language, response.units[v].language} - {None}) == 2
        distances = (
            meaning.distance(a, b, across=across, share=max(mine_, theirs_) ** power)
            for (a, mine_), (b, theirs_), power in zip(mine[k], theirs[v], _POWERS, strict=True)
        )
        near.append((1 - min(distances) ** 2, k, v))
    open_ = dict(wanted)
    for nearness, k, v in sorted(near, reverse=True):
        amount = min(open_[k], given[v])
        open_[k] -= amount
        given[v] -= amount
        matches[k].reworded += amount * nearness / wanted[k]
        matches[k].replaced += amount / wanted[k]
    for m in matches:
        if m.said > 0.5 and all(token.kind is Kind.FUNCTION for token in m.lost):
            m.reworded = 1.0  # all that tells something is said


def _stretches(open_: Sequence[tuple[Unit, Sequence[Token]]]) -> list[tuple[_Stretch, _Stretch]]:
    """Of each unit itself and the sentence that it is in."""
    found: list[tuple[_Stretch, _Stretch]] = []
    for _, group in groupby(open_, key=lambda pair: pair[0].sentence):
        of = [(unit, sum(map(tells, tokens))) for unit, tokens in group]
        weight = sum(unit.weight for unit, _ in of)
        text = "".join(unit.text for unit, _ in of)[:_VECTOR_CHARACTERS]
        whole = (text, sum(amount for _, amount in of) / weight)
        found += [((u.text[:_VECTOR_CHARACTERS], amount / u.weight), whole) for u, amount in of]
    return found


class ContentChange:
    """The answer changes of many responses to one logged answer.

    Args:
        part: the part of the answer that counts; a response that says it anywhere has not moved.
        cut: whether the logged answer was cut at a length.
    """

    def __init__(
        self, answer: str, embed: Embed, part: AnswerSpan | None = None, *, cut: bool = False
    ) -> None:
        self._answer = answer if part is None else answer[slice(*part)]
        self._partial = part is not None
        self._cut = cut and part is None
        self._meaning = Meaning(embed)
        self._changes: dict[tuple[str, str], AnswerChange] = {}

    def texts(self, responses: Iterable[str], replicates: Sequence[str] = ()) -> list[str]:
        """See `TextComparison`."""
        asked: dict[str, None] = {}

        def note(texts: Sequence[str]) -> Vectors:
            asked.update(dict.fromkeys(texts))
            return np.eye(1, 2).repeat(len(texts), axis=0)

        noting = Meaning(note)
        pairs = [(self._answer, response) for response in dict.fromkeys(responses)]
        if not self._partial:
            pairs += combinations(replicates, 2)
        for one, other in pairs:
            compare(one, other, noting, cut=self._cut)
        return list(asked)

    def changes(self, responses: Sequence[str]) -> list[float]:
        """See `TextComparison`."""
        return [self._change(self._answer, response).change for response in responses]

    def compared(self, responses: Sequence[str]) -> list[AnswerChange]:
        """What became of the logged answer in each response."""
        return [self._change(self._answer, response) for response in responses]

    def between(self, one: str, other: str) -> float:
        """The change between two responses, in [0, 1]; of a part, their changes' difference."""
        return self.compared_pair(one, other).change

    def compared_pair(self, one: str, other: str) -> AnswerChange:
        """The same with what it is made of, which is not known of a part."""
        if self._partial:
            mine, theirs = self.changes([one, other])
            return AnswerChange(abs(mine - theirs))
        return self._change(one, other)

    def _change(self, logged: str, response: str) -> AnswerChange:
        key = (logged, response)
        if key not in self._changes:
            said = self._partial and says(response, logged)
            self._changes[key] = (
                AnswerChange() if said else compare(logged, response, self._meaning, cut=self._cut)
            )
        return self._changes[key]
