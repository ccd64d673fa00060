"""Text layout for SVG: widths, line breaking, reading order.

An SVG has to place each word before the font is known. Widths are those of Helvetica and
metric-compatible fonts; the SVG sets each word to that width (`textLength`), so that another font
changes the look but not the layout.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Generic, TypeVar

from rich.cells import cell_len

Style = TypeVar("Style")

_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 "
    "556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 "
    "722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 "
    "556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 "
    "260 334 584"
)
_ADVANCE = {chr(32 + i): int(w) / 1000 for i, w in enumerate(_HELVETICA.split())}
_NARROW_CELL, _WIDE_CELL = 0.6, 0.55
"""Em per terminal cell of characters outside ASCII: narrow ones, and two-cell ones."""

_IDEOGRAPHS = r"\u2e80-\u303f\u3041-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff01-\uff60"
_UNIT = re.compile(rf"\n|[^\S\n]+|[{_IDEOGRAPHS}]|(?:[^\s{_IDEOGRAPHS}]| (?=%))+")
"""A line feed, white space, one ideograph (lines may break beside it), or a run without space
except before "%"."""


@dataclass(frozen=True)
class Chunk(Generic[Style]):
    """Text of one style and direction on one line: its left edge and width, in the font's unit."""

    text: str
    style: Style
    x: float
    width: float
    right_to_left: bool = False


def width_of(text: str, size: float) -> float:
    """Return the width of `text` at a font size, in its unit."""
    ascii_width = sum(_ADVANCE.get(char, 0.556) for char in text if char < "\x80")
    rest = "".join(char for char in text if char >= "\x80")
    cells = cell_len(rest)
    wide = 2 * sum(cell_len(char) == 2 for char in rest)
    per_cell = _WIDE_CELL if cells and wide >= cells else _NARROW_CELL
    return size * (ascii_width + cells * per_cell)


def wrap(
    runs: Iterable[tuple[str, Style]], *, size: float, width: float
) -> Iterator[list[Chunk[Style]]]:
    """Break styled runs of text into lines that are at most `width` wide. Lines break at white
    space, at line feeds, beside ideographs, and inside a word only if it is wider than a line.
    Right-to-left lines are set from the right."""
    line: list[Chunk[Style]] = []
    x = 0.0
    for word in _words(runs, size=size, width=width):
        if word[0].text == "\n":
            yield _ordered(line, width)
            line, x = [], 0.0
            continue
        length = sum(chunk.width for chunk in word)
        if line and x + length > width:
            yield _ordered(line, width)
            line, x = [], 0.0
            if word[0].text.isspace():
                continue
        for chunk in word:
            line.append(replace(chunk, x=x))
            x += chunk.width
    yield _ordered(line, width)


def _words(
    runs: Iterable[tuple[str, Style]], *, size: float, width: float
) -> Iterator[list[Chunk[Style]]]:
    """Yield chunks that must share a line: a word with adjacent punctuation."""
    word: list[Chunk[Style]] = []
    for text, style in runs:
        for unit in _UNIT.findall(text.expandtabs(4)):
            alone = unit.isspace() or cell_len(unit[0]) == 2
            if word and alone:
                yield word
                word = []
            pieces = [unit] if unit == "\n" else list(_fit(unit, size, width))
            for i, piece in enumerate(pieces):
                chunk = Chunk(piece, style, 0.0, 0.0 if piece == "\n" else width_of(piece, size))
                if alone or i < len(pieces) - 1:
                    yield [*word, chunk]
                    word = []
                elif sum(c.width for c in word) + chunk.width > width:
                    yield word
                    word = [chunk]
                else:
                    word.append(chunk)
    if word:
        yield word


_AHEAD = 1000
"""More characters than a line has: so many of a longer word are measured at once."""


def _fit(unit: str, size: float, width: float) -> Iterator[str]:
    """Split `unit` into pieces that fit on a line, never before a combining mark."""
    start = 0
    while True:
        ahead = unit[start : start + _AHEAD]
        wide = width_of(ahead, size)
        if len(ahead) < _AHEAD and wide <= width:
            break
        cut = start + max(int(len(ahead) * width / max(wide, width) * 0.9), 1)
        while cut > start + 1 and _joins(unit, cut):
            cut -= 1
        yield unit[start:cut]
        start = cut
    if ahead or not start:
        yield ahead


def _joins(text: str, at: int) -> bool:
    return at < len(text) and (
        unicodedata.category(text[at]) in ("Mn", "Me", "Cf", "Sk") or text[at - 1] == "\u200d"
    )


def _direction(text: str) -> str:
    """Return `R` or `L` of the first character with a strong direction; "" if none has."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("R", "AL"):
            return "R"
        if kind == "L":
            return "L"
    return ""


def _resolved(line: Sequence[Chunk[Style]], base: str) -> list[str]:
    """Return all directions; a neutral chunk takes that of equal neighbours, else `base`."""
    own = [_direction(chunk.text) for chunk in line]
    before = list(accumulate(own, lambda last, d: d or last, initial=base))
    after = list(accumulate(reversed(own), lambda last, d: d or last, initial=base))[::-1]
    return [
        d or (last if last == following else base)
        for d, last, following in zip(own, before, after[1:], strict=False)
    ]


def _ordered(line: Sequence[Chunk[Style]], width: float) -> list[Chunk[Style]]:
    """Return the line in reading order: the Unicode bidirectional algorithm by words. Within each
    chunk the viewer applies its own."""
    base = _direction("".join(chunk.text for chunk in line)) or "L"
    runs: list[tuple[str, list[Chunk[Style]]]] = []
    for chunk, direction in zip(line, _resolved(line, base), strict=True):
        if not runs or runs[-1][0] != direction:
            runs.append((direction, []))
        run = runs[-1][1]
        if run and run[-1].style == chunk.style:
            text, length = run[-1].text + chunk.text, run[-1].width + chunk.width
            run[-1] = replace(run[-1], text=text, width=length)
        else:
            run.append(replace(chunk, right_to_left=direction == "R"))
    in_order = [
        chunk
        for direction, chunks in (runs if base == "L" else reversed(runs))
        for chunk in (chunks if direction == "L" else reversed(chunks))
    ]
    x = 0.0 if base == "L" else max(width - sum(chunk.width for chunk in in_order), 0.0)
    placed = []
    for chunk in in_order:
        placed.append(replace(chunk, x=x))
        x += chunk.width
    return placed
