"""The boundaries of words and sentences, in any language, by the rules of ICU. Spans are half-open
ranges of Python string indices (code points)."""

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from icu4py.breakers import SentenceBreaker, WordBreaker

Range = tuple[int, int]

_CONNECTORS = frozenset("-‐‑/\\_.@:'’&=?#+~%$€£")
_OPENING = ("Ps", "Pi", "Sc")
_MARKS = re.compile(r"^\W+|\W+$")
_NUMBER = re.compile(r"\(?(?:\d{1,3}|[^\W\d_])[.)]")
_ABBREVIATED = re.compile(
    r"\b(?:Mrs?|Ms|Dra?|Prof|St|Fr|Hr|M|Mme|Mlle|Sra?|Str|bzw|ca|vs|e\. ?g|i\. ?e|z\. ?B|d\. ?h|"
    r"(?:No|Nr|Art|Fig)(?=\. ?\d))\.[^\S\n]*|<!--+[^\S\n]*"
)
"""Its marks end no sentence."""
_COMMENT = re.compile(r"(?=<!--)|(?<=-->)")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def words(text: str) -> list[Range]:
    """The words of a text, each with the punctuation that belongs to it.

    A closing mark goes with the word before it, an opening mark with the word after it, and a run
    of marks between spaces with the word before it on its line (else the word after), so that
    removing a word orphans no punctuation. Compounds without spaces (`well-known`, `x@y.com`,
    `3.14`) are one word. In a text of marks alone, each run of them is a word.
    """
    merged: list[Range] = []
    for run in re.finditer(r"\S+", text):
        merged.extend(_split_run(text, *run.span()))
    return _attach_marks(text, merged)


def bare_words(text: str) -> list[str]:
    """The words of a text without surrounding marks and without case; marks alone stay."""
    found = (text[start:end] for start, end in words(text))
    return [_MARKS.sub("", word).casefold() or word for word in found]


def sentences(text: str) -> list[Range]:
    """The sentences of a text without surrounding white space; a line break ends a sentence, but in
    a script with spaces a mark inside a word (`c?d=e`) does not, nor does an abbreviation. An HTML
    comment is apart."""
    cuts = [0, *(match.start() for match in _COMMENT.finditer(text)), len(text)]
    return [(a + start, a + end) for a, b in pairwise(cuts) for start, end in _sentences(text[a:b])]


def _sentences(text: str) -> list[Range]:
    found: list[Range] = []
    inside = {at for m in _ABBREVIATED.finditer(text) for at in range(m.start() + 1, m.end() + 1)}
    for start, end in _segments(SentenceBreaker, text):
        stripped = strip(text, start, end)
        if stripped is None:
            continue
        inside_word = found and found[-1][1] == stripped[0] and text[stripped[0]].isascii()
        goes_on = found and (stripped[0] in inside or not has_word(text, *stripped))
        if inside_word or (goes_on and "\n" not in text[found[-1][1] : start]):
            found[-1] = (found[-1][0], stripped[1])
        else:
            found.append(stripped)
    return found


def rules(text: str) -> list[Range]:
    """The sentences of a prompt: the number of a list's item belongs to the sentence behind it."""
    found: list[Range] = []
    for start, end in sentences(text):
        if found and _NUMBER.fullmatch(text, *found[-1]) and "\n" not in text[found[-1][1] : start]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def strip(text: str, start: int, end: int) -> Range | None:
    """The range without white space at its ends; None if nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def word_range(text: str, start: int, end: int) -> Range:
    """The range without marks and white space at its ends; unchanged if nothing else is in it."""
    a, b = start, end
    while a < b and not _is_word(text[a]):
        a += 1
    while b > a and not _is_word(text[b - 1]):
        b -= 1
    return (a, b) if a < b else (start, end)


def _segments(breaker: type[WordBreaker] | type[SentenceBreaker], text: str) -> Iterator[Range]:
    """ICU's segments, mapped from UTF-16 units to code points; lone surrogates would upset ICU. The
    locale changes nothing: ICU takes the rules, and the dictionaries for Chinese, Japanese and
    Thai, by the script of each run of characters."""
    clean = _LONE_SURROGATE.sub("\ufffd", text)
    if clean.isascii() or max(clean, default="") <= "\uffff":
        yield from breaker(clean, "en").segments()
        return
    index = array("l")
    for position, character in enumerate(clean):
        index.extend([position] * (1 + (character > "\uffff")))
    index.append(len(clean))
    for start, end in breaker(clean, "en").segments():
        yield index[start], index[end]


def _split_run(text: str, start: int, end: int) -> list[Range]:
    pieces = [(start + a, start + b) for a, b in _segments(WordBreaker, text[start:end])]
    found: list[Range] = []
    opening: int | None = None  # where marks that wait for their word begin
    glued = False  # whether the next word continues the last one
    for a, b in pieces:
        if has_word(text, a, b):
            if glued and found:
                found[-1] = (found[-1][0], b)
            else:
                found.append((a if opening is None else opening, b))
            opening, glued = None, False
        elif found and opening is None and not _opens(text[a]):
            found[-1] = (found[-1][0], b)
            glued = text[a:b] in _CONNECTORS
        elif opening is None:
            opening, glued = a, False
    if opening is not None:
        found.append((opening, end))
    return found


def _attach_marks(text: str, found: list[Range]) -> list[Range]:
    """Joins runs of punctuation to the word before them on their line, else, and where a comment
    begins, to the word after."""
    if not any(has_word(text, a, b) for a, b in found):
        return found
    joined: list[Range] = []
    waiting: int | None = None
    for a, b in found:
        if has_word(text, a, b):
            joined.append((a if waiting is None else waiting, b))
            waiting = None
        elif (
            joined
            and waiting is None
            and "\n" not in text[joined[-1][1] : a]
            and not text.startswith("<!--", a)
        ):
            joined[-1] = (joined[-1][0], b)
        elif waiting is None:
            waiting = a
    if waiting is not None and joined:
        joined[-1] = (joined[-1][0], found[-1][1])
    return joined


def has_word(text: str, start: int, end: int) -> bool:
    """Whether anything but marks and white space is in the range."""
    return any(_is_word(character) for character in text[start:end])


@lru_cache(maxsize=4096)
def _is_word(character: str) -> bool:
    """Whether it is a letter, digit or picture, not a mark, space or control."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category in ("So", "Co", "Cn", "Cs")


@lru_cache(maxsize=4096)
def _opens(character: str) -> bool:
    return unicodedata.category(character) in _OPENING
