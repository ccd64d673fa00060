"""The tokens of a sentence: words (characters in Japanese and Chinese), and values in one form."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from smile_trace._text.telling_words import FUNCTION_WORDS, FUNCTION_WORDS_OF, NEGATIONS
from smile_trace.attribution.answer_change import letters
from smile_trace.attribution.answer_change.vocabulary import (
    ALSO_ENGLISH,
    CURRENCIES,
    HALVES,
    HAN_APOLOGY,
    HAN_DATE,
    HAN_NEGATION,
    HAN_NUMERAL,
    HAN_UNITS,
    MONTHS,
    WEEKDAYS,
    canonical,
    compatible,
    date_key,
    factor_of_word,
    language_of,
    same_amount,
    unit_of,
    value_of_digits,
    value_of_han,
    value_of_word,
)

_SAME_MARK = str.maketrans("−–—‐‑’‘“”«»„`\u202f\u00a0", '-----\'\'"""""\'  ')

_FENCE = re.compile(r"^[^\S\n]*(```|~~~)[\w+-]*\s*$", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINE_MARK = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]+|[-*•+][ \t]+|\d{1,2}[.)][ \t]+)", re.MULTILINE
)
_LETTER_MARK = re.compile(
    r"^[ \t]*\(?([a-z])[.)][ \t]+|(?<=[:;,.] )\(?([a-z])\)[ \t]+", re.MULTILINE | re.I
)
_RULE = re.compile(r"^[ \t]*\|[-|: \t]*$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|.*$", re.MULTILINE)
_LABEL = re.compile(
    r"^(?:\*\*)?(?:answer|antwort|réponse|respuesta|答え|答案)\s*[:：](?:\*\*)?\s*", re.I
)

_CONTRACTIONS = (
    (re.compile(r"\bcan(?:'t|not)\b", re.I), "can not"),
    (re.compile(r"\bwon't\b", re.I), "will not"),
    (re.compile(r"n't\b", re.I), " not"),
    (re.compile(r"(?<=\w)'(?:s|re|ve|ll|m|d)\b", re.I), ""),
    (re.compile(r"\b(?:n|l|d|qu|j|c|s|m|t|jusqu|lorsqu)'(?=\w)", re.I), lambda m: f"{m[0][:-1]}e "),
    (re.compile(r"\b(?:[A-Z]\.){2,}"), lambda m: m[0].replace(".", "")),
    (re.compile(r"\bUS ?(?=\$|dollars?\b)"), ""),
    (re.compile(r"\bal\b"), "a el"),
    (re.compile(r"\bdel\b"), "de el"),
    (re.compile(r"\bon time\b|\bà le? heure\b|\ba la hora prevista\b", re.I), "punctual"),
    (re.compile(r"\bsold out\b|\bout of stock\b", re.I), "soldout"),
)
"""What is written as one word, or is one: English, French, Spanish."""


def plain(text: str) -> str:
    """The text as it is compared: compatibility forms composed, Markdown marks removed."""
    text = unicodedata.normalize("NFKC", text.translate(_SAME_MARK)).translate(_SAME_MARK)
    text = _EMPHASIS.sub(r"\2", _FENCE.sub("", text))
    text = _ROW.sub(lambda m: m[0].strip("| \t").replace("|", ","), _RULE.sub("", text))
    text = _LINE_MARK.sub("", text)
    marks = "".join(m[1] or m[2] for m in _LETTER_MARK.finditer(text))
    if marks.lower().startswith("ab"):  # a list; one letter alone is an answer
        text = _LETTER_MARK.sub("", text)
    return _LABEL.sub("", text).strip()


def spelled_out(text: str) -> str:
    """The plain text with contractions in full: `isn't` becomes `is not`."""
    for pattern, full in _CONTRACTIONS:
        text = pattern.sub(full, text)
    return text


class Kind(StrEnum):
    """The kind of a token."""

    NUMBER = "number"
    UNIT = "unit"
    DATE = "date"
    WEEKDAY = "weekday"
    TIME = "time"
    HALF = "half of the day"
    OPERATOR = "operator"
    IDENTIFIER = "identifier"
    NEGATION = "negation"
    NAME = "name"
    WORD = "word"
    FUNCTION = "function word"


VALUES = frozenset(
    (Kind.NUMBER, Kind.UNIT, Kind.DATE, Kind.WEEKDAY, Kind.TIME, Kind.HALF, Kind.OPERATOR,
     Kind.IDENTIFIER)
)  # fmt: skip
"""Kinds that are compared exactly."""

COUNTED = frozenset((Kind.NUMBER, Kind.DATE, Kind.TIME, Kind.IDENTIFIER))
"""Kinds that no words stand for."""

WORDS = frozenset((Kind.WORD, Kind.NAME))
SOFT = WORDS | {Kind.FUNCTION}
"""Kinds that may be said in another form."""

PLACED = VALUES - {Kind.OPERATOR, Kind.UNIT, Kind.HALF} | {Kind.NAME}
"""Kinds whose tokens can be replaced by others of the kind."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `key` is equal for equal content, `unit` a number's, or a time's half of the day."""

    kind: Kind
    key: str
    unit: str | None = None


@dataclass(frozen=True)
class Sentence:
    """A sentence's tokens, and its language if known."""

    tokens: tuple[Token, ...]
    language: str | None

    @property
    def keys(self) -> list[str]:
        """The tokens' keys."""
        return [token.key for token in self.tokens]


def is_han(token: Token) -> bool:
    """Whether it is in Japanese or Chinese characters."""
    return token.key[:1] > "\u2fff"


_LATIN = "A-Za-zÀ-ÖØ-öø-ÿĀ-ſßͰ-ӿ"
_NEW = r"(?:(?<![_\u3041-\u30ff\u3400-\u9fff])|(?<=[月日時分点])|(?!\w))"
"""Not inside a word behind a character that ends no value: the word was looked at there already."""
_TOKEN = re.compile(
    r"(?P<iso>\d{4}[-/年]\d{1,2}[-/月]\d{1,2}日?)"
    r"|(?P<dayfirst>\d{1,2}([./])\d{1,2}\3\d{4})"
    r"|(?P<handate>(?:\d{4}年)?\d{1,2}月(?:\d{1,2}日)?)"
    r"|(?P<clock>(?<!\d)\d{1,2}(?: ?[:h] ?|時)[0-5]\d(?!\d)分?)"
    r"|(?P<hour>(?<!\d)\d{1,2} ?(?:o'clock|uhr\b|heures? (?:du|de)|時(?!間)|点(?!儿)))"
    r"|(?P<signed>\b(?-i:[A-Z]{1,2}|Rh)[-+#♯♭]+(?![\w+-]))"
    # Possessive: no long word is looked at in several ways, or it takes the cube of its length.
    rf"|(?P<identifier>{_NEW}[\w.+-]++@[\w.-]*\w|\d+\.\d+\.\d+(?:\.\w+)*"
    rf"|{_NEW}(?=[^\W{_LATIN}]*+[{_LATIN}])\w++(?:[-./](?=[^\W\d_]*+[\d_])\w++)+"
    rf"|{_NEW}(?=[^\W{_LATIN}]*+[{_LATIN}][^\W_]*+_[^\W\d_]*+[\d_])\w++"
    rf"|(?=[A-Za-z][^\W\d]*+\d)\w++|[{_LATIN}]++_\w++"
    rf"|{_NEW}\w++\.(?:py|js|ts|json|md|txt|csv|sql))"
    r"|(?P<number>(?:(?<![\w)\]])(?<![\w)\]] )|(?<==\ )|(?<=[a-zà-ÿ]\ )(?=[-+]\d))[-+]?"
    r"\d+(?:[.,' ]\d{3}(?!\d))*(?:[.,]\d+)?)"
    r"|(?P<plainnumber>\d+(?:[.,' ]\d{3}(?!\d))*(?:[.,]\d+)?)"
    r"|(?P<han>[\u3041-\u30ff\u3400-\u9fff々ー])"
    rf"|(?P<half>\b[ap]\.m\.)"
    rf"|(?P<word>[{_LATIN}²]+(?:[-'][{_LATIN}]+)*|[^\W\d_]+)"
    r"|(?P<unit>°[CF]?|[$€£¥%₠-⃀])"
    r"|(?P<operator>[=!<>+\-*/%^&|~]?=+|<>|&&|\|\||\*\*|->|=>|(?<=\s)[-+*/](?=[\s.,;]|$)|(?<=\w)[*+^](?=\w)|[<>&|^~≤≥≠+])"
    r"|(?P<symbol>[✓✔✅✗✘❌👍👎←→↑↓])"
    r"|(?P<marks>[(){}\[\];:])",
    re.IGNORECASE,
)
_OPERATOR_FORMS = {"≤": "<=", "≥": ">=", "≠": "!=", "<>": "!="}
_KATAKANA = re.compile("[\u30a1-\u30ff]+")


@lru_cache(maxsize=256)
def sentence(plain: str) -> Sentence:
    """The tokens of a plain sentence (see `plain`). Answers to one prompt share many."""
    text = spelled_out(plain)
    text = HAN_NUMERAL.sub(lambda m: str(value_of_han(m[0])), text)
    language = language_of(text, re.findall(rf"[{_LATIN}]+", text.lower()))
    found: list[Token] = []
    position = 0
    while match := _TOKEN.search(text, position):
        position = match.end()
        if match.lastgroup == "word":
            found.append(_letter(match, found, language) or _word(match, found, language))
        elif match.lastgroup == "han":
            position = _read_han(text, match.start(), found)
        else:
            _read(match, found, language)
    return Sentence(tuple(_joined(found)), language)


def _read(match: re.Match[str], tokens: list[Token], language: str | None) -> None:
    group, written = str(match.lastgroup), match[0]
    lower = written.lower()
    match group:
        case "iso":
            year, month, day = map(int, re.findall(r"\d+", written))
            tokens.append(Token(Kind.DATE, date_key(year, month, day)))
        case "dayfirst":
            first, second, year = map(int, re.findall(r"\d+", written))
            if second > 12 or (language == "en" and "/" in written and first <= 12):
                first, second = second, first
            tokens.append(Token(Kind.DATE, date_key(year, second, first)))
        case "handate":
            parts = HAN_DATE.match(written)
            assert parts is not None
            tokens.append(
                Token(Kind.DATE, date_key(*(int(p) if p else None for p in parts.groups())))
            )
        case "clock":
            hour, minute = map(int, re.findall(r"\d+", written))
            tokens.append(Token(Kind.TIME, f"{hour}:{minute:02d}"))
        case "hour":
            hour = int(re.findall(r"\d+", written)[0])
            tokens.append(Token(Kind.TIME, f"{hour}:00"))
        case "number" | "plainnumber":
            sign = -1 if written[0] == "-" else 1
            value = value_of_digits(written.lstrip("+-"))
            tokens.append(Token(Kind.NUMBER, canonical(sign * value)))
        case "unit":
            tokens.append(Token(Kind.UNIT, unit_of(lower) or written))
        case "operator":
            tokens.append(Token(Kind.OPERATOR, _OPERATOR_FORMS.get(written, written)))
        case "identifier":
            unit = re.fullmatch(r"(\d+(?:[.,]\d+)?)([a-z²]+)", lower)
            tokens.append(Token(Kind.IDENTIFIER, unit[0] if unit else lower))
        case "signed":
            tokens.append(Token(Kind.NAME, lower))
        case "symbol":
            tokens.append(Token(Kind.FUNCTION, written))
        case "half":
            tokens.append(Token(Kind.HALF, HALVES[lower]))
        case _:
            pass


def _letter(match: re.Match[str], tokens: list[Token], language: str | None) -> Token | None:
    """A single letter that is a value. A small one may be a unit, and so may any after a number."""
    letter = match[0]
    if len(letter) > 1 or letter.lower() == letter.upper():
        return None
    last = tokens[-1].kind if tokens else None
    if unit_of(letter.lower()) and (letter.islower() or last is Kind.NUMBER):
        return None
    told = last not in (None, Kind.FUNCTION, Kind.NEGATION)
    value = letters.is_value(
        match.string, match.start(), language, told=told, named=last is Kind.NAME
    )
    return Token(Kind.NAME, letters.key(letter)) if value else None


_FUNCTION_WORDS = FUNCTION_WORDS - ALSO_ENGLISH
"""Those of a sentence in an unknown language."""

_ONLY_COUNTED = frozenset(("second", "ms"))
"""Units that are other words where no number stands before them."""


def _word(match: re.Match[str], tokens: list[Token], language: str | None) -> Token:
    written = match[0]
    counted = bool(tokens) and tokens[-1].kind is Kind.NUMBER
    code = len(written) == 2 and written.isupper() and not match.string.isupper()
    kind, key, unit = _of_word(written, language, starts=not tokens, counted=counted, code=code)
    return Token(kind, key, unit)  # each its own: two of a kind may be told apart


@lru_cache(maxsize=4096)
def _of_word(
    written: str, language: str | None, *, starts: bool, counted: bool, code: bool
) -> tuple[Kind, str, str | None]:
    """A word's kind, key and unit: where it `starts` the sentence, a number stands before it, or it
    is a `code` of two capitals."""
    lower = written.lower()
    if lower in NEGATIONS:
        return Kind.NEGATION, "not", None
    if (value := value_of_word(lower, language)) is not None:
        return Kind.NUMBER, canonical(value), None
    if (factor := factor_of_word(lower)) is not None:
        return Kind.NUMBER, f"×{factor}", None
    capital = written[0].isupper()
    if lower in MONTHS and (capital or language in ("fr", "es")):
        return Kind.DATE, date_key(None, MONTHS[lower], None), None
    if lower in WEEKDAYS:
        return Kind.WEEKDAY, f"weekday {WEEKDAYS[lower]}", None
    if lower in HALVES and lower in ("am", "pm") and (language == "en" or written.isupper()):
        return Kind.HALF, HALVES[lower], None
    measures = lower not in _ONLY_COUNTED or counted
    if (unit := unit_of(lower)) is not None and measures and not (starts and written.istitle()):
        return Kind.UNIT, unit, lower
    if lower in FUNCTION_WORDS_OF.get(language or "", _FUNCTION_WORDS) and not code:
        return Kind.FUNCTION, lower, None
    name = code or (capital and not starts and language != "de")
    return Kind.NAME if name else Kind.WORD, lower, None


def _read_han(text: str, start: int, tokens: list[Token]) -> int:
    """Reads a token of Japanese or Chinese from `start`; returns where it ends."""
    if apology := HAN_APOLOGY.match(text, start):
        tokens.append(Token(Kind.WORD, "sorry"))
        return apology.end()
    if negation := HAN_NEGATION.match(text, start):
        tokens.append(Token(Kind.NEGATION, "not"))
        return negation.end()
    if tokens and tokens[-1].kind is Kind.NUMBER:
        for name in HAN_UNITS:
            if text.startswith(name, start):
                tokens.append(Token(Kind.UNIT, unit_of(name) or name))
                return start + len(name)
    for name, half in HALVES.items():
        if name[0] > "\u2fff" and text.startswith(name, start):
            tokens.append(Token(Kind.HALF, half))
            return start + len(name)
    for name, day in WEEKDAYS.items():
        if name[0] > "\u2fff" and text.startswith(name, start):
            tokens.append(Token(Kind.WEEKDAY, f"weekday {day}"))
            return start + len(name)
    if katakana := _KATAKANA.match(text, start):
        tokens.append(Token(Kind.WORD, katakana[0]))
        return katakana.end()
    particle = "\u3041" <= text[start] <= "\u309f" or text[start] in "的了是在和也很就"
    tokens.append(Token(Kind.FUNCTION if particle else Kind.WORD, text[start]))
    return start + 1


def _joined(found: list[Token]) -> list[Token]:
    """Joins factors, units, dates and times of day with their numbers."""
    joined: list[Token] = []
    for token in found:
        last = joined[-1] if joined else None
        if token.kind is Kind.NUMBER and token.key.startswith("×"):
            factor = float(token.key[1:])
            if last and last.kind is Kind.NUMBER and last.unit is None:
                joined[-1] = Token(Kind.NUMBER, canonical(float(last.key) * factor))
            else:
                joined.append(Token(Kind.NUMBER, canonical(factor)))
        elif token.kind is Kind.UNIT and last and (last.kind is Kind.NUMBER or last.key in _ONE):
            if last.kind is not Kind.NUMBER:
                last = Token(Kind.NUMBER, "1")
            degrees = last.unit == "°"
            if last.unit is None or degrees:
                joined[-1] = Token(Kind.NUMBER, last.key, token.key)
                if degrees and token.key == "m":
                    joined[-1] = last
        elif token.kind is Kind.NUMBER and last and last.key in CURRENCIES:
            joined[-1] = Token(Kind.NUMBER, token.key, last.key)
        else:
            joined.append(token)
    return [_without_number(token) for token in _with_times(_with_dates(joined))]


_ONE = frozenset(("ein", "eine", "einen", "einer", "einem", "une", "una", "one"))


def _without_number(token: Token) -> Token:
    """A unit's name without a number before it, as a function word if the language has it."""
    if token.kind is not Kind.UNIT or not token.unit:
        return token
    function = token.unit in FUNCTION_WORDS
    return Token(Kind.FUNCTION, token.unit) if function else Token(Kind.UNIT, token.key)


def _with_dates(tokens: list[Token]) -> list[Token]:
    """Joins a month with its day and year: `31 March 2025`, `March 31, 2025`."""
    out: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        if (
            token.kind is not Kind.DATE
            or not token.key.startswith("?-")
            or not token.key.endswith("-?")
        ):
            out.append(token)
            k += 1
            continue
        month = int(token.key.split("-")[1])
        day = year = None
        before = [t for t in out[-2:] if t.kind is not Kind.FUNCTION]
        if out and before and before[-1].kind is Kind.NUMBER and _is_day(before[-1]):
            day = int(before[-1].key)
            while out[-1] is not before[-1]:
                out.pop()
            out.pop()
        k += 1
        for _ in range(2):
            ahead = k
            while ahead < len(tokens) and tokens[ahead].key in ("de", "of"):
                ahead += 1
            if ahead < len(tokens) and tokens[ahead].kind is Kind.NUMBER:
                number = tokens[ahead]
                if day is None and year is None and _is_day(number):
                    day, k = int(number.key), ahead + 1
                elif year is None and re.fullmatch(r"(?:1\d|20)\d\d", number.key):
                    year, k = int(number.key), ahead + 1
        out.append(Token(Kind.DATE, date_key(year, month, day)))
    return out


def _is_day(token: Token) -> bool:
    return token.unit is None and token.key.isdigit() and 1 <= int(token.key) <= 31


def _with_times(tokens: list[Token]) -> list[Token]:
    """Joins an hour and its half of the day to a time: `2 p.m.` is 14:00."""
    out: list[Token] = []
    for token in tokens:
        last = out[-1] if out else None
        if token.kind is Kind.HALF and last and last.kind in (Kind.TIME, Kind.NUMBER):
            out[-1] = _time(last, token)
        elif token.kind in (Kind.TIME, Kind.NUMBER) and last and last.kind is Kind.HALF:
            out[-1] = _time(token, last)
        else:
            out.append(token)
    return out


def _time(token: Token, half: Token) -> Token:
    hour, _, minute = token.key.partition(":")
    if not hour.isdigit() or int(hour) > 24:
        return token
    of_day = int(hour) % 12 + (12 if half.key == "pm" else 0) if int(hour) <= 12 else int(hour)
    return Token(Kind.TIME, f"{of_day}:{minute or '00'}", half.key)


def same_key(one: Token, other: Token) -> bool:
    """Whether they are written the same, in units that do not exclude each other."""
    return one.key == other.key and (not one.unit or not other.unit or one.unit == other.unit)


def same_word(one: Token, other: Token) -> bool:
    """Whether two tokens with different keys say the same."""
    if one.kind in WORDS and other.kind in WORDS:
        return inflected(one.key, other.key)
    return one.kind not in SOFT and other.kind not in SOFT and agree(one, other)


_STEM = 4


def stem(token: Token) -> str | None:
    """What it has in common with every token that says the same under another key: a word its first
    letters, other tokens nothing but that they are no words. None if there is none."""
    if token.kind in WORDS:
        return token.key[:_STEM]
    return None if token.kind is Kind.FUNCTION else ""


def inflected(one: str, other: str) -> bool:
    """Whether two words share most of their letters, from the beginning."""
    least = max(_STEM, -(-6 * max(len(one), len(other)) // 10))
    return one[:least] == other[:least] and min(len(one), len(other)) >= least


def agree(one: Token, other: Token) -> bool:
    """Whether two values can be the same."""
    if one.kind is Kind.DATE and other.kind is Kind.DATE:
        return compatible(one.key, other.key)
    if _are_hours(one, other):
        sure = bool(one.unit and other.unit)
        return one.key == other.key if sure else _same_hour(one.key, other.key)
    if one.kind is other.kind is Kind.NUMBER and one.unit and other.unit:
        return same_amount((float(one.key), one.unit), (float(other.key), other.unit))
    return same_key(one, other)


def comparable(one: Token, other: Token) -> bool:
    """Whether one token can stand in the place of the other."""
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
