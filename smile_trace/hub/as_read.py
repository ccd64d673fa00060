"""A text as somebody reads it, however it is written, with the way back to its places.

Escapes of JSON, addresses and HTML are decoded, also inside each other; characters that nobody sees
are left out; composed and decomposed letters, and their wide or joined forms, are the same.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from html import unescape
from typing import NamedTuple

ROUNDS = 3
"""How often what was decoded is decoded again: `%25C3%25BC`, `&amp;uuml;`."""

_BACKSLASH = re.compile(
    r"\\+(?:u([dD][89abAB][0-9a-fA-F]{2})\\+u([dD][c-fC-F][0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}"
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
"""What is not seen, beside the format characters of Unicode (`Cf`)."""


class AsRead(NamedTuple):
    """The characters that are read, and where each of them stands in what is written.

    Several may stand in one place (`ﬁ`), and what is not read belongs to the one before it.
    """

    text: str
    places: list[tuple[int, int]]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` to `end` are written."""
        return self.places[start][0], self.places[end - 1][1]

    def folded(self) -> "AsRead":
        """The same without the difference of cases."""
        return _made((one.casefold(), place) for one, place in zip(*self, strict=True))


def as_read(written: str) -> AsRead:
    """The text as it is read."""
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
    """Every match replaced by its characters, each with its place in the match."""

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
    """In the composed form that stands for all like it, without what is not seen."""
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
