"""Pseudonyms of texts: the same text has the same pseudonym, of the same length.

A pseudonym keeps length, case and punctuation, so that every place in the text stays where it is,
and looks made up: letters become x, digits 0, and the last ones count. Texts are matched as a
person reads them (`as_read`): escapes of JSON, addresses and HTML are decoded, also inside each
other; invisible characters are left out; composed and decomposed letters, and their wide or joined
forms, are the same.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from smile_trace._guards.redaction import find_secrets
from smile_trace.records import Record

ROUNDS = 3
"""How often decoded text is decoded again: `%25C3%25BC`, `&amp;uuml;`."""

_BACKSLASH = re.compile(
    r"\\{1,16}(?:u([dD][89abAB][0-9a-fA-F]{2})\\{1,16}u([dD][c-fC-F][0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}"
    r"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([nrtbf]))"
)
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_ESCAPE = re.compile(rf"{_BACKSLASH.pattern}|%[0-9a-fA-F]{{2}}|&[#A-Za-z]")
_JOINED = re.compile(r"[\u1100-\u11ff]+|.", re.DOTALL)  # letters of Korean syllables; anything
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x9f\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0"
    r"\U000e0100-\U000e01ef]"
)
"""Invisible characters, beside the format characters of Unicode (`Cf`)."""


class AsRead(NamedTuple):
    """The characters that are read, and each one's place in the written text. Several may stand in
    one place (`ﬁ`), and what is not read belongs to the character before it."""

    text: str
    places: list[tuple[int, int]]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the place where the characters from `start` to `end` are written."""
        return self.places[start][0], self.places[end - 1][1]

    def folded(self) -> "AsRead":
        """Return the same with cases folded."""
        return _made((one.casefold(), place) for one, place in zip(*self, strict=True))


def as_read(written: str) -> AsRead:
    """Return the text as it is read."""
    found = AsRead(written, [(place, place + 1) for place in range(len(written))])
    for _ in range(ROUNDS):
        if not _ESCAPE.search(found.text):
            break
        for pattern, decode in _DECODED:
            found = _decoded(found, pattern, decode)
    plain = found.text.isascii() and not _UNSEEN.search(found.text)
    return found if plain else _normal(found)


def _decoded(
    before: AsRead,
    pattern: re.Pattern[str],
    decode: Callable[[re.Match[str]], Iterator[tuple[str, int, int]]],
) -> AsRead:
    """Replace every match by its characters, each with its place in the match."""

    def pieces() -> Iterator[tuple[str, tuple[int, int]]]:
        position = 0
        for match in pattern.finditer(before.text):
            yield from zip(
                before.text[position : match.start()],
                before.places[position : match.start()],
                strict=True,
            )
            position = match.end()
            for one, start, end in decode(match):
                yield one, before.place(match.start() + start, match.start() + end)
        yield from zip(before.text[position:], before.places[position:], strict=True)

    return _made(pieces())


def _backslash(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    high, low, *codes, letter = match.groups()
    if high:
        one = chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    elif letter:
        one = " " if letter == "b" else {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}[letter]
    else:
        one = chr(min(int(next(filter(None, codes)), 16), 0x10FFFF))
    yield one, 0, len(match.group())


def _percent(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    octets, position = bytes.fromhex(match.group().replace("%", "")), 0
    for one in octets.decode(errors="surrogateescape"):
        length = 3 * len(one.encode(errors="surrogateescape"))
        byte = ord(one) - 0xDC00  # what is no UTF-8 is Latin-1
        yield (chr(byte) if 0x80 <= byte <= 0xFF else one), position, position + length
        position += length


def _entity(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    written = match.group()
    if (one := unescape(written)) != written:
        yield one, 0, len(written)
    else:
        yield from ((one, place, place + 1) for place, one in enumerate(written))


_DECODED = ((_BACKSLASH, _backslash), (_PERCENT, _percent), (_ENTITY, _entity))


def _normal(before: AsRead) -> AsRead:
    """Return the composed form of all equivalents, without what is not seen."""
    clusters: list[tuple[str, tuple[int, int]]] = []
    for match in _JOINED.finditer(before.text):
        one, place = match.group(), before.place(*match.span())
        unseen = unicodedata.category(one[0]) == "Cf" or _UNSEEN.fullmatch(one) is not None
        if clusters and (unseen or unicodedata.combining(one[0])):
            base, (start, _) = clusters[-1]
            clusters[-1] = base + ("" if unseen else one), (start, place[1])
        elif not unseen:
            clusters.append((one, place))
    return _made((unicodedata.normalize("NFKC", one), place) for one, place in clusters)


def _made(pieces: Iterator[tuple[str, tuple[int, int]]]) -> AsRead:
    characters: list[str] = []
    places: list[tuple[int, int]] = []
    for one, place in pieces:
        characters.append(one)
        places += [place] * len(one)
    return AsRead("".join(characters), places)


_RULES = (
    ("email", r"[\w.+%-]{1,256}@[\w-]+(?:\.[\w-]+)+"),
    ("uuid", r"(?<!\w)[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?!\w)"),
    ("mac", r"(?<![\w:])[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?![\w:])"),
    ("ip", r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"),
    ("ip", r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])"),
    ("iban", r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)"),
    ("number", r"\+?\d(?:[ ()./\-]{0,2}\d){5,}"),
)
"""Kinds by their shape; the first match counts. A number has six digits or more."""

_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _RULES)
_LETTERS = "xabcdefghijklmnopqrstuvwyz"
_SHORTEST_WORD, _SHORTEST_LEFT = 3, 5
_BETWEEN = r"[\W_]{0,3}"
"""Characters between the words of a name: `jane-quixote`, `JaneQuixote`."""


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
    """Replaces what the rules and the user's list find, consistently over all texts. `names`:
    `/PATTERN/`, or texts, found as whole words in any case, whatever stands between them; each
    capitalised word of several is found alone, too. Raises re.error if a pattern is not a regular
    expression."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        listed = list(names)
        self._patterns = [re.compile(name[1:-1]) for name in listed if _is_pattern(name)]
        self._names = list(_name_patterns(name for name in listed if not _is_pattern(name)))
        self._known: dict[str, tuple[str, str, str]] = {}  # kind, original, pseudonym
        self._times: Counter[str] = Counter()
        self._made: Counter[str] = Counter()
        self._left: re.Pattern[str] | None = None
        self._used_now: list[tuple[str, str]] = []

    def find(self, text: str, *, named: bool = False) -> None:
        """Learn what is to be replaced in this text. `named`: it is the name of something, which
        may contain a date, so that numbers stay."""
        for start, end, kind in self._spans(text, named):
            self._pseudonym(kind, text[start:end])
        self._left = None

    def replace(self, text: str) -> str:
        """Return the text with pseudonyms, as long as before."""
        return self.replaced_in(text)[0]

    def replaced_in(self, text: str, *, named: bool = False) -> tuple[str, list[tuple[str, str]]]:
        """Return it with the kind and key of every replacement; equal texts have equal keys."""
        self._used_now = []
        once = self._substituted(text, self._spans(text, named))
        # Also where it is glued to something else, so that none of it is left.
        read = as_read(once).folded()
        left = (match.span() for match in self._of_known().finditer(read.text))
        glued = (_Span(*read.place(*span), "") for span in left)
        return self._substituted(once, _joined(glued)), self._used_now

    def _substituted(self, text: str, spans: Iterable[_Span]) -> str:
        pieces: list[str] = []
        position = 0
        for start, end, kind in spans:
            pieces += (text[position:start], self._used(kind, text[start:end]))
            position = end
        return "".join([*pieces, text[position:]])

    @property
    def replaced(self) -> list[Replaced]:
        """All replaced texts, the most frequent first."""
        return [
            Replaced(kind=kind, original=original, pseudonym=pseudonym, times=self._times[key])
            for key, (kind, original, pseudonym) in sorted(
                self._known.items(), key=lambda item: (-self._times[item[0]], item[0])
            )
            if self._times[key]
        ]

    def _spans(self, text: str, named: bool) -> Iterator[_Span]:
        """Yield finds in a text as written and as read, in order; overlapping ones are merged."""
        read = as_read(text)
        found = [_Span(*read.place(*at[:2]), at[2]) for at in self._in_view(read.text, named)]
        if read.text != text:
            found += self._in_view(text, named)
        folded = read.folded()
        for pattern in self._names:
            spans = (match.span() for match in pattern.finditer(folded.text))
            found += (_Span(*folded.place(*span), "name") for span in spans)
        return iter(_joined(found))

    def _in_view(self, text: str, named: bool) -> Iterator[_Span]:
        yield from (_Span(start, end, "secret") for start, end, _ in find_secrets(text))
        patterns = [*_COMPILED, *(("name", pattern) for pattern in self._patterns)]
        for kind, pattern in patterns:
            if not (named and kind == "number"):
                spans = (match.span() for match in pattern.finditer(text))
                yield from (_Span(*span, kind) for span in spans if span[0] < span[1])

    def _used(self, kind: str, original: str) -> str:
        pseudonym = self._pseudonym(kind, original)
        key = _key(original)
        self._times[key] += 1
        self._used_now.append((self._known[key][0], key))
        return _written_as(original, pseudonym)

    def _pseudonym(self, kind: str, original: str) -> str:
        key = _key(original)
        if key not in self._known:
            shape = "".join(map(_blank, key))
            self._made[shape] += 1
            self._known[key] = kind, original, _numbered(shape, self._made[shape])
        return self._known[key][2]

    def _of_known(self) -> re.Pattern[str]:
        if self._left is None:
            long = sorted((key for key in self._known if len(key) >= _SHORTEST_LEFT), key=len)
            self._left = re.compile("|".join(map(re.escape, reversed(long))) or r"(?!)")
        return self._left


def _joined(found: Iterable[_Span]) -> list[_Span]:
    joined: list[_Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if joined and span.start < joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _is_pattern(name: str) -> bool:
    return len(name) > 2 and name[0] == name[-1] == "/"


def _name_patterns(names: Iterable[str]) -> Iterator[re.Pattern[str]]:
    for name in names:
        words = as_read(name).text.split()
        parts = [_BETWEEN.join(re.escape(word.casefold()) for word in words)] if words else []
        if len(words) > 1:
            longer = (w for w in words if len(w) >= _SHORTEST_WORD and not w.islower())
            parts += (re.escape(word.casefold()) for word in longer)
        for part in parts:  # no letter before or behind it
            yield re.compile(rf"(?<![^\W\d_]){part}(?![^\W\d_])")


def _key(original: str) -> str:
    return as_read(original).folded().text


def _blank(character: str) -> str:
    if character.isdigit():
        return "0"
    return "x" if character.isalpha() else character


def _numbered(shape: str, number: int) -> str:
    """Return the shape with the number in its last letters and digits."""
    characters = list(shape)
    for place in reversed(range(len(characters))):
        digits = {"0": "0123456789", "x": _LETTERS}.get(characters[place])
        if digits is not None and number:
            number, rest = divmod(number, len(digits))
            characters[place] = digits[rest]
    return "".join(characters)


def _written_as(original: str, pseudonym: str) -> str:
    """Write the pseudonym in the places and case of the original. A character that takes more than
    one of them is filled, and what is not a letter or digit stays."""
    read = as_read(original).folded()
    pieces: list[str] = []
    position = 0
    for place, group in groupby(zip(pseudonym, read.places, strict=True), key=itemgetter(1)):
        pieces.append(original[position : place[0]])
        new = "".join(one for one, _ in group)
        old = original[place[0] : place[1]]
        filled = (new + "x" * len(old))[: len(old)]
        filled = filled if any(map(str.isalnum, new)) else old
        pieces.append(filled.upper() if old[0].isupper() else filled)
        position = place[1]
    return "".join([*pieces, original[position:]])
