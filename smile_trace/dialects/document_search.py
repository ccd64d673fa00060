"""Retrieved documents found in what was sent, verbatim or nearly.

Words are aligned: seeds of three words, each extended over gaps as BLAST extends its hits (Altschul
et al. 1990). An edit distance would be shorter, but finds "24 months" of one document at "36
months" of another with .9; here no word may be exchanged for another.
"""

import html
import json
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from smile_trace.records import Document, Message, Place

SEED = 3
"""Words by which a document is looked for."""
FEWEST = 8
"""The fewest words that must remain of a document that was cut short."""
MOST_BETWEEN = 40
"""Other words, say a page's header, that may stand between two of a document's."""
_NEAR = 3
"""The same before the last words, which are fewer than a seed."""
_SEEDS = 100
"""The most places at which a seed is examined."""
_COMMON = 20
"""A seed found more often is tried only at the document's beginning."""
_TRIES = 500
"""The most places at which a document is looked for in a message."""
MOST_STEPS = 10_000_000
"""Steps of about half a microsecond that the documents of a trace may take."""
_GAP_STEPS = 40
"""The steps of looking behind a gap."""
_HELD = 2_000_000
"""The most characters of texts whose words stay in memory, besides those being compared."""

_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts without spaces between words: each character counts as a word."""
_WORD = re.compile(rf"[{_ALONE}]|(?:[^\W_{_ALONE}][\u0300-\u036f]*)+")
_ESCAPED = re.compile(
    r'\\{1,8}u[0-9a-fA-F]{4}|\\{1,8}[nrtbf"/]|\\\\|&(?:[a-zA-Z]{2,8}|#\d{1,6}|#[xX][0-9a-fA-F]{1,5});'
    r"|</?[A-Za-z][\w:-]{0,30}(?:\s[^<>]{0,300})?/?>|[\xad\u200b-\u200d\ufeff]"
)
"""Escapes of JSON (also twice) and HTML, elements, and characters for word breaks."""
_SET_APART = re.compile(r'[\n\\\[\](){}<>|:"#/]')
"""Characters around an insertion, but around no word of a sentence."""
_CUT = re.compile(rf"{_SET_APART.pattern}|…|\.\.")
"""Marks at which a text was cut off."""
_CLOSING = (".", "!", "?", "…", ")", "。")
"""Marks that belong to the last word before them."""


class Finder:
    """Finds documents in the calls of one trace, which send the same texts again and again.

    `most_steps` bounds the search: what was found until then stands.
    """

    def __init__(self, most_steps: int = MOST_STEPS) -> None:
        self._steps = _Steps(most_steps)
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, _Text] = {}
        self._held = 0
        self._pairs: dict[tuple[int, int], list[_Match]] = {}

    def find(
        self, documents: Iterable[Document], messages: Sequence[Message]
    ) -> Iterator[Document]:
        """Give the documents found in the messages, in their order, each with its own place.

        Words must come in order. Spacing, marks, accents and escapes (JSON's, HTML's) are ignored,
        insertions that are set apart (a page's header) are skipped, and ends may be cut off at a
        mark or line break. All of a document, half of it, or its first eight words at least must be
        there. Several documents at one place leave it to the one with the most words there.
        """
        wanted = list(documents)
        sent = [(self._number(message.content), message.content) for message in messages]
        self._steps.left -= len(wanted) * len(sent) // 2
        if self._steps.left <= 0:
            return
        found = [
            (match.order, number, message, match)
            for number, document in enumerate(wanted)
            for text in (self._number(document.text),)
            for message, (content, written) in enumerate(sent)
            for match in self._matches((text, content), document.text, written)
        ]
        taken: dict[int, list[tuple[int, int]]] = {}
        places: dict[int, Place] = {}
        for _, number, message, match in sorted(found, key=lambda item: item[:3]):
            if number not in places and _take(taken.setdefault(message, []), match):
                places[number] = message, *match.characters
        for number, place in sorted(places.items()):
            yield wanted[number].model_copy(update={"place": place})

    def _number(self, text: str) -> int:
        """A number in place of the text, which takes long to compare."""
        return self._numbers.setdefault(text, len(self._numbers))

    def _matches(self, pair: tuple[int, int], document: str, content: str) -> "list[_Match]":
        if pair not in self._pairs and self._steps.left > 0:
            self._pairs[pair] = _matches(self._text(document), self._text(content), self._steps)
        return self._pairs.get(pair, [])

    def _text(self, text: str) -> "_Text":
        if text not in self._texts:
            self._steps.left -= len(text)
            self._held += len(text)
            if self._held > _HELD:
                self._texts.clear()
                self._held = len(text)
            self._texts[text] = _Text(text)
        return self._texts[text]


class _Steps:
    def __init__(self, left: int) -> None:
        self.left = left


def _take(taken: list[tuple[int, int]], match: "_Match") -> bool:
    after = bisect_left(taken, (match.end,))
    if after and taken[after - 1][1] > match.start:
        return False
    taken.insert(after, (match.start, match.end))
    return True


@dataclass(frozen=True)
class _Match:
    """Words `[start, end)` of a message that hold `words` of a document's `of` words, from its
    `first` on, and the `characters` of the message."""

    start: int
    end: int
    first: int
    words: int
    of: int
    characters: tuple[int, int] = (0, 0)

    @property
    def found(self) -> bool:
        """Whether enough of the document was found."""
        if self.words == self.of:
            return True
        return self.words >= FEWEST and (self.first == 0 or 2 * self.words >= self.of)

    @property
    def order(self) -> tuple[bool, int, int, int]:
        """A sort key: all of it, most of it, least between, position."""
        return self.words < self.of, -self.words, self.end - self.start, self.start


class _Text:
    """The words of a text in comparable form, and their places."""

    def __init__(self, text: str) -> None:
        self._text = text
        plain, places = _unescaped(text)
        words = list(_WORD.finditer(plain))
        self.words = [_compared(match[0]) for match in words]
        self._runs: dict[int, dict[tuple[str, ...], list[int]]] = {}
        self._places = [(places[m.start()], places[m.end() - 1] + 1) for m in words]

    def runs(self, size: int) -> dict[tuple[str, ...], list[int]]:
        """The places at which each run of so many words begins."""
        if size not in self._runs:
            found = self._runs[size] = {}
            for k, run in enumerate(zip(*(self.words[n:] for n in range(size)), strict=False)):
                found.setdefault(run, []).append(k)
        return self._runs[size]

    def after(self, run: Sequence[str], word: int) -> Sequence[int]:
        """The first places from a word on at which a run of SEED words begins."""
        places = self.runs(SEED).get(tuple(run), [])
        first = bisect_left(places, word)
        return places[first : first + _COMMON]

    def between(self, before: int, after: int) -> str:
        """The text between two words, or before the first or after the last word."""
        start = self._places[before][1] if before >= 0 else 0
        end = self._places[after][0] if after < len(self._places) else len(self._text)
        return self._text[start:end]

    def cut_before(self, word: int) -> bool:
        """Whether a text may begin with this word."""
        return word == 0 or _CUT.search(self.between(word - 1, word)) is not None

    def cut_after(self, word: int) -> bool:
        """Whether a text may end with this word."""
        last = word + 1 == len(self.words)
        return last or _CUT.search(self.between(word, word + 1)) is not None

    def range(self, match: _Match) -> tuple[int, int]:
        start, end = self._places[match.start][0], self._places[match.end - 1][1]
        while end < len(self._text) and self._text[end] in _CLOSING:
            end += 1
        return start, end


def _matches(document: _Text, text: _Text, steps: _Steps) -> list[_Match]:
    found: list[_Match] = []
    words = document.words
    size = min(SEED, len(words))
    steps.left -= 1 + len(words) // 16
    if not size or document.runs(size).keys().isdisjoint(text.runs(size).keys()):
        return []
    at = tries = 0
    while at + size <= len(words) and tries < _TRIES and steps.left > 0:
        ends = [at + 1]
        places = text.runs(size).get(tuple(words[at : at + size]), [])
        steps.left -= 1
        for start in places[:_SEEDS] if at == 0 or len(places) <= _COMMON else ():
            match, end = _extended(document, text, (at, start), steps)
            ends.append(end)
            tries += 1
            cut = _up_to_a_cut(words, text, match, end)
            if cut is not None and cut.found:
                found.append(replace(cut, characters=text.range(cut)))
        at = max(ends)  # what begins inside of a match is no better
    return found


def _extended(
    document: _Text, text: _Text, begin: tuple[int, int], steps: _Steps
) -> tuple[_Match, int]:
    """The match that begins there, and the number of the document's words behind it."""
    words = document.words
    first, start = begin
    count, at, end = 0, first, start
    after: tuple[int, int] | None = begin
    while after is not None:
        joined = at < after[0] and count > 0 and _same_letters(words, text, (at, end), after)
        count += after[0] - at if joined else 0
        same = _same(words, text.words, *after)
        count, at, end = count + same, after[0] + same, after[1] + same
        steps.left -= _GAP_STEPS + same // 16
        after = _after_gap(document, text, at, end) if steps.left > 0 else None
    return _Match(start, end, first, count, len(words)), at


def _up_to_a_cut(words: Sequence[str], text: _Text, match: _Match, end: int) -> _Match | None:
    """A match of a document up to its word `end`, if the document ends there, or was cut off.

    Words behind the cut may match by chance: at most a seed of them is removed.
    """
    first, start, after = match.first, match.start, match.end
    if first:
        begun = start > 0 and words[first - 1].endswith(text.words[start - 1])
        if not text.cut_before(start - begun):
            return None
    if end == len(words):
        return match
    begun = after < len(text.words) and words[end].startswith(text.words[after])
    for last in (after if begun else after - 1, *range(after - 1, after - 2 - SEED, -1)):
        if last >= start and text.cut_after(last):
            off = max(after - 1 - last, 0)
            return replace(match, end=after - off, words=match.words - off)
    return None


def _after_gap(document: _Text, text: _Text, at: int, end: int) -> tuple[int, int] | None:
    """The place where the document goes on: behind an insertion that is set apart, a word that was
    only broken, or at least FEWEST words that were left out."""
    words = document.words
    run = words[at : at + SEED]
    near = MOST_BETWEEN if len(run) == SEED else _NEAR
    for start in range(end + 1, end + near + 1):
        if run and text.words[start : start + len(run)] == run:
            apart = _SET_APART.search(text.between(end - 1, start)) is not None
            return (at, start) if apart else None
    for left in range(at + 1, min(at + _NEAR, len(words)) + 1):
        for start in range(end + 1, end + _NEAR + 1):
            if _same_letters(words, text, (at, end), (left, start)):
                return left, start
    for start in range(end, end + _NEAR + 1):
        goes_on = text.words[start : start + FEWEST]
        for left in document.after(goes_on[:SEED], at + FEWEST):
            if words[left : left + FEWEST] == goes_on and len(goes_on) == FEWEST:
                return left, start
    return None


def _same_letters(
    words: Sequence[str], text: _Text, gap: tuple[int, int], after: tuple[int, int]
) -> bool:
    """Whether both sides of a gap differ only in spaces and hyphens."""
    (at, end), (left, start) = gap, after
    return "".join(words[at:left]) == "".join(text.words[end:start])


def _same(words: Sequence[str], told: Sequence[str], at: int, start: int) -> int:
    """The number of words that agree from `at` and from `start` on."""
    count = 0
    for size in (1024, 32, 1):  # many at a time, as far as that goes
        while (part := words[at + count : at + count + size]) and (
            part == told[start + count : start + count + size]
        ):
            count += len(part)
    return count


def _compared(word: str) -> str:
    """A word without case, accents and forms of the same letter."""
    if word.isascii():
        return word.lower()
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return (plain or word).casefold()


def _unescaped(text: str) -> tuple[str, list[int]]:
    """The text without escapes, and the original place of each character's end."""
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for match in _ESCAPED.finditer(text):
        shown = _character(match[0])
        parts += (text[at : match.start()], shown)
        places += (*range(at, match.start()), *[match.end() - 1] * len(shown))
        at = match.end()
    return "".join([*parts, text[at:]]), [*places, *range(at, len(text))]


def _character(escape: str) -> str:
    """The character that an escape stands for, or none."""
    if escape in "\xad\u200b\u200c\u200d\ufeff":
        return ""
    if escape[0] == "<":
        return " "
    if escape[0] == "&":
        found = html.unescape(escape)
    elif escape == "\\\\":
        found = "\\"
    else:
        found = json.loads(f'"\\{escape.lstrip(chr(92))}"')
    return found if len(found) == 1 else " "
