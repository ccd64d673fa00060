"""Values that changed between a logged sentence and what the response says in its place."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from smile_trace.attribution.answer_distance import polarity
from smile_trace.attribution.answer_distance.alignment import Alignment, Replaced
from smile_trace.attribution.answer_distance.calendar_words import compatible
from smile_trace.attribution.answer_distance.tokens import VALUES, Kind, Token

_CONTRADICTED = 0.85
"""Change by a value, a negation or a role that is another one."""

_LOST = 0.25
"""Change by a value that the response does not say."""

_OTHER_WORD = 0.65
"""Change by another content word in an unchanged frame, a synonym or not."""

_OTHER_NAME = 0.8

_FRAME = 0.5
"""Least share of a sentence that makes it a frame in which words replace each other."""

_PARTS = frozenset((Kind.UNIT, Kind.HALF))

_FIXED = frozenset((Kind.OPERATOR, Kind.FUNCTION, *_PARTS))
"""Kinds that a sentence has often enough to count where they stand."""

_CHOICE = frozenset(("and", "or", "und", "oder", "et", "ou", "y", "o", "asc", "desc"))


@dataclass(frozen=True)
class Difference:
    """Something that the response says otherwise.

    `kind`: what it is, such as `number` or `negation`. `change`: how much it changes, in [0, 1].
    `before`, `after`: the words of a `word` that is another one.
    """

    kind: str
    change: float
    before: str = ""
    after: str = ""


def differences(
    found: Alignment, logged: Sequence[Token], said: Sequence[Token], enumerated: frozenset[str]
) -> list[Difference]:
    """What the response says otherwise than one logged sentence.

    Args:
        found: the logged sentence beside the sentence of the response that is nearest.
        logged: all tokens of the logged answer.
        said: all tokens of the response.
        enumerated: words of a list without an order.
    """
    swapped = found.swapped
    if swapped and swapped <= enumerated:
        return []
    turned = _turned(found, swapped=bool(swapped))
    if swapped:
        return turned
    return [*turned, *_units(found), *_in_frame(found), *_values(found, logged, said)]


def denials(found: Alignment) -> list[Difference]:
    """Negations and opposites alone: of a second sentence that says the same words."""
    return _turned(found, swapped=bool(found.swapped))


def _turned(found: Alignment, *, swapped: bool) -> list[Difference]:
    """Negations and opposites; a swap of roles is undone by an opposite (*more*, *less*)."""
    one, other = found.logged.tokens, found.window
    negated = _negated(one) != _negated(other)
    flips = _flips(one, other)
    odd = (negated + flips + swapped) % 2 == 1
    if not odd:
        return []
    kind = "roles" if swapped else "polarity" if flips else "negation"
    sure = found.frame >= _FRAME or swapped
    return [Difference(kind, _CONTRADICTED if sure else _CONTRADICTED * found.shared)]


def _negated(tokens: Sequence[Token]) -> bool:
    return any(token.kind is Kind.NEGATION for token in tokens)


def _flips(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """Whether a word has its opposite in the other sentence, and not itself."""
    mine, theirs = ({_axis(t) for t in tokens} - {None} for tokens in (one, other))
    for found in mine - theirs:
        assert found is not None
        if (found[0], -found[1]) in theirs and (found[0], -found[1]) not in mine:
            return True
    words, others = ({t.key for t in tokens if t.kind is Kind.WORD} for tokens in (one, other))
    return polarity.denied_by_prefix(words - others, others - words)


def _axis(token: Token) -> tuple[int, int] | None:
    telling = token.kind not in VALUES and token.kind is not Kind.NEGATION
    return polarity.opposite_axis(token.key) if telling else None


def _units(found: Alignment) -> Iterator[Difference]:
    for one, other in found.pairs:
        if one.unit and other.unit and one.unit != other.unit:
            yield Difference("unit", _CONTRADICTED)


def _in_frame(found: Alignment) -> Iterator[Difference]:
    """Words and values that took another's place where the rest of the sentence stayed."""
    replaced = [_without_moved(each, found) for each in found.replaced]
    if found.frame > _FRAME and any(each.logged and each.response for each in replaced):
        in_place = (d for each in replaced if _is_short(each, 4) for d in _of_replaced(each))
        yield from _weighed(in_place, found.frame)
    else:
        exchanged = _joined(replaced)
        if _is_short(exchanged, 2):
            yield from _weighed(_of_replaced(exchanged), found.shared)


def _is_short(replaced: Replaced, most: int) -> bool:
    """Whether words were exchanged rather than rephrased: at most so many on either side, of
    Japanese and Chinese twice as many characters."""
    sides = (_telling(replaced.logged), _telling(replaced.response))
    return all(sum(0.5 if t.key[:1] > "\u2fff" else 1 for t in side) <= most for side in sides)


def _weighed(differences: Iterable[Difference], frame: float) -> Iterator[Difference]:
    """As far as the frame is one."""
    strength = min(max((frame - _FRAME) / 0.2, 0.0), 1.0)
    if strength:
        yield from (replace(d, change=d.change * strength) for d in differences)


def _joined(replaced: Sequence[Replaced]) -> Replaced:
    """All that one sentence has and the other has not, wherever it stands: *heron and stork*,
    *crane and heron*."""
    return Replaced(
        tuple(token for each in replaced for token in each.logged),
        tuple(token for each in replaced for token in each.response),
    )


def _without_moved(replaced: Replaced, found: Alignment) -> Replaced:
    """Only the words that the other sentence has nowhere (*A paid B*, *B was paid by A*)."""
    logged, response = set(found.logged.keys), set(found.response.keys)
    return Replaced(
        tuple(t for t in replaced.logged if t.kind in _FIXED or t.key not in response),
        tuple(t for t in replaced.response if t.kind in _FIXED or t.key not in logged),
    )


def _of_replaced(replaced: Replaced) -> Iterator[Difference]:
    one, other = _telling(replaced.logged), _telling(replaced.response)
    if any(t.kind is Kind.OPERATOR for t in (*replaced.logged, *replaced.response)):
        yield Difference("operator", _CONTRADICTED)
        return
    if not one and not other:
        choices = {t.key for t in (*replaced.logged, *replaced.response)} & _CHOICE
        if len(choices) > 1:
            yield Difference("word", _OTHER_NAME)
        return
    parts = [{t.key for t in tokens if t.kind in _PARTS} for tokens in (one, other)]
    if parts[0] and parts[1] and parts[0].isdisjoint(parts[1]):
        yield Difference("unit", _CONTRADICTED)
    words = [t for t in one if t.kind not in VALUES and t.kind is not Kind.NEGATION]
    others = [t for t in other if t.kind not in VALUES and t.kind is not Kind.NEGATION]
    words, others = (
        [t for t in words if not any(_inflected(t.key, o.key) for o in others)],
        [t for t in others if not any(_inflected(t.key, o.key) for o in words)],
    )
    if words and others and not _same_axis(words, others):
        name = all(_is_name(t) for t in (*words, *others))
        if name:
            yield Difference("name", _OTHER_NAME)
        else:
            yield Difference("word", _OTHER_WORD, _written(words), _written(others))
    elif words and not other:
        yield Difference("word", 0.15)


def _telling(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.kind is not Kind.FUNCTION]


def _written(tokens: Sequence[Token]) -> str:
    """The words, with spaces where their script has them."""
    spaced = any(token.key[:1] < "\u2fff" for token in tokens)
    return (" " if spaced else "").join(token.key for token in tokens)


def _is_name(token: Token) -> bool:
    return token.kind in (Kind.NAME, Kind.IDENTIFIER)


def _same_axis(words: Sequence[Token], others: Sequence[Token]) -> bool:
    """Whether they mean the same or the opposite, which is compared apart."""
    mine, theirs = ({axis[0] for t in tokens if (axis := _axis(t))} for tokens in (words, others))
    return not mine.isdisjoint(theirs)


def _inflected(one: str, other: str) -> bool:
    """Whether two words share most of their letters, from the beginning."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= 4 and shared >= 0.6 * max(len(one), len(other))


def _values(
    found: Alignment, logged: Sequence[Token], said: Sequence[Token]
) -> Iterator[Difference]:
    """Values of the sentence that the response does not say, or says otherwise."""
    same_language = found.logged.language == found.response.language
    kinds = VALUES - {Kind.OPERATOR, Kind.UNIT, Kind.HALF}
    for token in found.logged.tokens:
        name = token.kind is Kind.NAME and same_language
        if token.kind not in kinds and not name:
            continue
        if any(_agree(token, other) for other in said):
            continue
        rivals = [
            other
            for other in found.window
            if _comparable(token, other) and not any(_agree(t, other) for t in logged)
        ]
        change = _CONTRADICTED if rivals else _LOST
        if name:
            change = _OTHER_NAME * 0.75 if rivals else 0.1
        yield Difference(str(token.kind), change)


_WHEN = frozenset((Kind.TIME, Kind.NUMBER))


def _comparable(one: Token, other: Token) -> bool:
    if {one.kind, other.kind} == _WHEN:
        return other.unit is None and one.unit is None
    if one.kind is other.kind is Kind.TIME:
        return True
    units = one.unit is None or other.unit is None or one.unit == other.unit
    return one.kind is other.kind and (units or one.key == other.key)


def _agree(one: Token, other: Token) -> bool:
    if one.kind is Kind.DATE and other.kind is Kind.DATE:
        return compatible(one.key, other.key)
    if Kind.TIME in (one.kind, other.kind) and {one.kind, other.kind} <= _WHEN:
        sure = bool(one.unit and other.unit)
        return one.key == other.key if sure else _same_hour(one.key, other.key)
    return one.key == other.key and (not one.unit or not other.unit or one.unit == other.unit)


def _same_hour(one: str, other: str) -> bool:
    (a, _, m), (b, _, n) = one.partition(":"), other.partition(":")
    if not (a.isdigit() and b.isdigit()) or (m or "00") != (n or "00"):
        return False
    if (int(a) > 12 and int(b) > 12) or not min(int(a), int(b)) <= 12:
        return a == b
    return int(a) % 12 == int(b) % 12 and (a == b or max(int(a), int(b)) > 12)
