"""What is replaced in texts, and by what: the same text by the same pseudonym, of the same length.

A pseudonym keeps length, case and punctuation, so that every place in the text stays where it is,
and looks made up: letters become x, digits 0, and the last ones count.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smile_trace.capture.redaction.secrets import find_secrets
from smile_trace.records import Record

_RULES = (
    ("email", r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"),
    ("uuid", r"(?<!\w)[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?!\w)"),
    ("mac", r"(?<![\w:])[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?![\w:])"),
    ("ip", r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"),
    ("ip", r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])"),
    ("iban", r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"),
    ("number", r"\+?\d(?:[ ()./\-]{0,2}\d){5,}"),
)
"""By their shape; the first that matches. A number has six digits or more (of a phone, a card, an
account, a date)."""

_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _RULES)
_LETTERS = "xabcdefghijklmnopqrstuvwyz"
_SHORTEST_WORD, _SHORTEST_LEFT = 3, 5


class Replaced(Record):
    """A text that was replaced, how often, and by what."""

    kind: str
    original: str
    pseudonym: str
    times: int


class _Span(NamedTuple):
    start: int
    end: int
    kind: str


class Pseudonyms:
    """Replaces what the rules and the user's list find, consistently over all texts.

    Args:
        names: the user's: texts, found as whole words in any case (of several words each
            capitalised one, too), or `/PATTERN/`.

    Raises:
        re.error: a pattern is no regular expression.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._patterns = [("name", pattern) for pattern in _name_patterns(names)]
        self._known: dict[str, tuple[str, str, str]] = {}  # kind, original, pseudonym
        self._times: Counter[str] = Counter()
        self._made: Counter[str] = Counter()
        self._left: re.Pattern[str] | None = None
        self._used_now: list[tuple[str, str]] = []

    def find(self, text: str) -> None:
        """Learn what is to be replaced in this text."""
        for span in self._spans(text):
            self._pseudonym(span.kind, text[span.start : span.end])
        self._left = None

    def replace(self, text: str) -> str:
        """The text with pseudonyms, as long as before."""
        return self.replaced_in(text)[0]

    def replaced_in(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """The same, with kind and key of all that was replaced; equal texts have equal keys."""
        self._used_now = []
        pieces: list[str] = []
        position = 0
        for start, end, kind in self._spans(text):
            pieces += (text[position:start], self._used(kind, text[start:end]))
            position = end
        return self._replace_left("".join([*pieces, text[position:]])), self._used_now

    @property
    def replaced(self) -> list[Replaced]:
        """Everything that was replaced, the most frequent first."""
        return [
            Replaced(kind=kind, original=original, pseudonym=pseudonym, times=self._times[key])
            for key, (kind, original, pseudonym) in sorted(
                self._known.items(), key=lambda item: (-self._times[item[0]], item[0])
            )
            if self._times[key]
        ]

    def _spans(self, text: str) -> Iterator[_Span]:
        """What is found, in order; of two that overlap, both as one."""
        found = [_Span(start, end, "secret") for start, end, _ in find_secrets(text)]
        for kind, pattern in (*_COMPILED, *self._patterns):
            found += (_Span(*match.span(), kind) for match in pattern.finditer(text))
        found.sort(key=lambda span: (span.start, -span.end))
        joined: list[_Span] = []
        for span in found:
            if joined and span.start < joined[-1].end:
                joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
            elif span.end > span.start:
                joined.append(span)
        return iter(joined)

    def _used(self, kind: str, original: str) -> str:
        pseudonym = self._pseudonym(kind, original)
        key = _key(original)
        self._times[key] += 1
        self._used_now.append((self._known[key][0], key))
        return _in_case_of(original, pseudonym)

    def _pseudonym(self, kind: str, original: str) -> str:
        key = _key(original)
        if key not in self._known:
            shape = "".join(map(_blank, key))
            self._made[shape] += 1
            self._known[key] = kind, original, _numbered(shape, self._made[shape])
        return self._known[key][2]

    def _replace_left(self, text: str) -> str:
        """Also where it is glued to something else, so that none of it is left."""
        if self._left is None:
            long = sorted((key for key in self._known if len(key) >= _SHORTEST_LEFT), key=len)
            alternatives = "|".join(map(re.escape, reversed(long)))
            self._left = re.compile(alternatives or r"(?!)", re.IGNORECASE)
        return self._left.sub(lambda match: self._used("", match.group()), text)


def _name_patterns(names: Iterable[str]) -> Iterator[re.Pattern[str]]:
    for name in names:
        if len(name) > 2 and name[0] == name[-1] == "/":
            yield re.compile(name[1:-1])
            continue
        words = name.split()
        parts = [r"\s+".join(map(re.escape, words))] if words else []
        if len(words) > 1:
            longer = (w for w in words if len(w) >= _SHORTEST_WORD and not w.islower())
            parts += map(re.escape, longer)
        for part in parts:  # no letter before or behind it
            yield re.compile(rf"(?<![^\W\d_]){part}(?![^\W\d_])", re.IGNORECASE)


def _key(original: str) -> str:
    lower = original.lower()
    return lower if len(lower) == len(original) else original


def _blank(character: str) -> str:
    if character.isdigit():
        return "0"
    return "x" if character.isalpha() else character


def _numbered(shape: str, number: int) -> str:
    """The shape with the number in its last letters and digits."""
    characters = list(shape)
    for place in reversed(range(len(characters))):
        digits = {"0": "0123456789", "x": _LETTERS}.get(characters[place])
        if digits is not None and number:
            number, rest = divmod(number, len(digits))
            characters[place] = digits[rest]
    return "".join(characters)


def _in_case_of(original: str, pseudonym: str) -> str:
    pairs = zip(original, pseudonym, strict=True)
    return "".join(new.upper() if old.isupper() else new for old, new in pairs)
