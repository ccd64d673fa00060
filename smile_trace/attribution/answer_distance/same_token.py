"""Whether two tokens say the same: another form of a word, another precision of a value."""

from smile_trace.attribution.answer_distance import calendar_words as calendar
from smile_trace.attribution.answer_distance import units
from smile_trace.attribution.answer_distance.tokens import SOFT, WORDS, Kind, Token


def same_key(one: Token, other: Token) -> bool:
    """Whether they are written the same, in units that do not exclude each other."""
    return one.key == other.key and (not one.unit or not other.unit or one.unit == other.unit)


def same_word(one: Token, other: Token) -> bool:
    """Whether two tokens with different keys say the same."""
    if one.kind in WORDS and other.kind in WORDS:
        return inflected(one.key, other.key)
    return one.kind not in SOFT and other.kind not in SOFT and agree(one, other)


def inflected(one: str, other: str) -> bool:
    """Whether two words share most of their letters, from the beginning."""
    least = max(4, -(-6 * max(len(one), len(other)) // 10))
    return one[:least] == other[:least] and min(len(one), len(other)) >= least


def agree(one: Token, other: Token) -> bool:
    """Whether two values can be the same one."""
    if one.kind is Kind.DATE and other.kind is Kind.DATE:
        return calendar.compatible(one.key, other.key)
    if _are_hours(one, other):
        sure = bool(one.unit and other.unit)
        return one.key == other.key if sure else _same_hour(one.key, other.key)
    if one.kind is other.kind is Kind.NUMBER and one.unit and other.unit:
        return units.same_amount((float(one.key), one.unit), (float(other.key), other.unit))
    return same_key(one, other)


def comparable(one: Token, other: Token) -> bool:
    """Whether one of them can stand in the place of the other."""
    return one.kind is other.kind or _are_hours(one, other)


def _are_hours(one: Token, other: Token) -> bool:
    return Kind.TIME in (one.kind, other.kind) and _may_be_hour(one) and _may_be_hour(other)


def _may_be_hour(token: Token) -> bool:
    if token.kind is Kind.NUMBER:
        return token.unit is None and token.key.isdigit() and int(token.key) <= 24
    return token.kind is Kind.TIME


def _same_hour(one: str, other: str) -> bool:
    (a, _, m), (b, _, n) = one.partition(":"), other.partition(":")
    if (m or "00") != (n or "00"):
        return False
    return a == b or (int(a) % 12 == int(b) % 12 and (int(a) > 12) != (int(b) > 12))
