"""The units that cover a prompt (words, sentences, sections, variables), and what is protected."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import get_args

from smile_trace.attribution.segmentation import boundaries, json_structure
from smile_trace.attribution.segmentation.boundaries import Range, strip
from smile_trace.attribution.segmentation.json_structure import (
    message_texts,
    result_documents,
    split_json,
)
from smile_trace.attribution.segmentation.structure import between, document_blocks, sections
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import Message, Place, Prompted, Reasoning, Unit
from smile_trace.records.formats.cells import CELLS, images_of, joined, places
from smile_trace.records.formats.reasoning import range_of_reasoning

Spans = Sequence[str | tuple[int, int] | tuple[int, int, int]]
AnyUnit = Unit | re.Pattern[str] | Spans
"""A unit by name; a pattern, whose matches are the units; or the user's own spans: texts, as whole
words, `(start, end)` in a prompt of one message, or `(message, start, end)`."""


class CannotExplain(SmileTraceError):
    """The prompt has nothing that could be removed; the message says why."""

    code = ReasonCode.CANNOT_EXPLAIN


class UnitMissing(CannotExplain):
    """The prompt has no units of the requested kind; the message says what to use instead."""


def named(unit: AnyUnit) -> Unit:
    """The unit's name in segments: `span` for patterns and own spans. Raises ValueError if a string
    names no unit."""
    if not isinstance(unit, str):
        return "span"
    known: dict[str, Unit] = {name: name for name in get_args(Unit) if name != "span"}
    if unit not in known:
        raise ValueError(
            f"There is no unit {unit!r}: take {', '.join(known)}, a pattern, "
            "or (in Python) a list of spans."
        )
    return known[unit]


def written(text: str) -> str | re.Pattern[str]:
    """The pattern that is written as `/…/` in settings and commands; any other text unchanged.
    Raises CannotExplain if there is not a valid regular expression between the slashes."""
    if len(text) < 3 or text[0] != "/" or text[-1] != "/":
        return text
    try:
        return re.compile(text[1:-1])
    except re.error as error:
        raise CannotExplain(f"{text} is not a valid regular expression: {error}.") from None


class UnitSplitter:
    """Splits a prompt into the units that cover it; values do not decide how a template is
    split."""

    def __init__(self, prompted: Prompted) -> None:
        self._messages = prompted.messages
        self._texts = [message_texts(message) for message in prompted.messages]
        in_cells = {*images_of(self._messages)}
        every = ((m, text) for m, texts in enumerate(self._texts) for text in texts)
        self._by_cells = {(m, text.start) for m, text in every if text.uri in in_cells - {None}}
        self.templates: list[list[Range]] = [[] for _ in prompted.messages]
        """The ranges of each message into which templates were rendered."""
        self.values: list[list[Range]] = [[] for _ in prompted.messages]
        """The ranges of each message that are values of variables."""
        self._documents: dict[int, list[Range]] = {}
        self._indivisible: dict[int, dict[Range, Unit]] = {}
        self._retrieved = [d.place for d in prompted.documents if d.place is not None]
        for use in prompted.prompts:
            self.templates[use.message].append((use.start, use.end))
            self.values[use.message] += [(v.start, v.end) for v in use.variable_spans]
        for ranges in (*self.templates, *self.values):
            ranges.sort()

    def indivisible(self, message: int) -> dict[Range, Unit]:
        """The ranges of a message that are one piece, in order: titles of images and files, and
        reasoning."""
        if message not in self._indivisible:
            found: dict[Range, Unit] = dict.fromkeys(
                reasoning_ranges(self._messages[message]), "reasoning"
            )
            texts = self._texts[message]
            found |= dict.fromkeys([(t.start, t.end) for t in texts if t.media], "media")
            self._indivisible[message] = dict(sorted(found.items()))
        return self._indivisible[message]

    def title(self, message: int, start: int, end: int) -> str | None:
        """The title of the document block or file that is there as a whole."""
        texts = (text for text in self._texts[message] if text.start <= start and end <= text.end)
        content = self._messages[message].content
        whole = (t for t in texts if content[t.start : t.end].strip() == content[start:end].strip())
        return next((text.title for text in whole), None)

    def documents(self, message: int) -> list[Range]:
        """The documents in a message by their form; a tool's result without any is a document."""
        found = self.whole_documents(message)
        content = self._messages[message].content
        results = (
            boundaries.strip(content, t.start, t.end) for t in self._texts[message] if t.result
        )
        return sorted([*found, *(r for r in results if r is not None and not _overlaps(*r, found))])

    def whole_documents(self, message: int) -> list[Range]:
        """The documents in a message by their form alone."""
        if message not in self._documents:
            texts, content = self._texts[message], self._messages[message].content
            found = [(text.start, text.end) for text in texts if text.document]
            results = [text for text in texts if text.result and not text.document]
            found += [d for t in results for d in result_documents(content, t, document_blocks)]
            own = [(text.start, text.end) for text in texts if text.document or text.result]
            if len(own) < len(texts):
                blocks = self.blocks(document_blocks, message)
                found += [block for block in blocks if not _overlaps(*block, own)]
            self._documents[message] = sorted(self._with_retrieved(message, found))
        return self._documents[message]

    def _with_retrieved(self, message: int, found: list[Range]) -> list[Range]:
        """Adds the retrieved documents outside the ranges, and splits ranges of several."""
        known = [(a, b) for m, a, b in self._retrieved if m == message]
        retrieved = sorted(self.json_around(message, a, b) or (a, b) for a, b in known)
        kept = [(c, d) for c, d in found if sum(c <= a and b <= d for a, b in retrieved) < 2]
        for document in retrieved:
            if not _overlaps(*document, sorted(kept)):
                kept.append(document)
        return kept

    def json_around(self, message: int, start: int, end: int) -> Range | None:
        """A range moved outward to cut through no value of a tool's JSON, and no title of an image
        or file; None outside of both."""
        for text in self._texts[message]:
            if text.media and text.start < end and start < text.end:
                return min(start, text.start), max(end, text.end)
            if text.root is not None and text.start < end and start < text.end:
                a, b = max(start, text.start) - text.start, min(end, text.end) - text.start
                [found] = text.moved([json_structure.around(text.root, a, b)])
                return min(start, found[0]), max(end, found[1])
        return None

    def split(self, unit: Unit, message: int, start: int, end: int) -> list[Range]:
        """The pieces of `[start, end)` of a message, in order."""
        text = self._messages[message].content
        if unit == "message":
            whole = boundaries.strip(text, start, end)
            return [] if whole is None else [whole]
        if self._messages[message].role == CELLS:
            halves = [half for half in places(text) if start <= half.start and half.end <= end]
            cells = halves if unit in ("word", "sentence") else joined(halves)
            return [(cell.start, cell.end) for cell in cells]
        found, at = list[Range](), start
        for a, b in self.indivisible(message):
            if start <= a and b <= end:
                found += self._split_texts(unit, message, at, a)
                found += [] if (message, a) in self._by_cells else [(a, b)]
                at = b
        return [*found, *self._split_texts(unit, message, at, end)]

    def _split_texts(self, unit: Unit, message: int, start: int, end: int) -> Iterator[Range]:
        content = self._messages[message].content
        for text in self._texts[message]:
            a, b = max(start, text.start), min(end, text.end)
            if a < b and text.root is not None and unit != "variable":
                yield from split_json(content, text, unit, a, b)
            elif a < b:
                yield from self._split_text(unit, message, a, b)

    def _split_text(self, unit: Unit, message: int, start: int, end: int) -> list[Range]:
        text = self._messages[message].content
        if unit == "word":
            words = _moved(boundaries.words(text[start:end]), start)
            return [piece for word in words for piece in self._pieces_of_word(message, *word)]
        if unit == "sentence":
            stripped = (boundaries.strip(text, *value) for value in self.values[message])
            values = [value for value in stripped if value is not None]
            edges = list(self._edges_between(boundaries.rules, message, start, end, values))
            return between(text, start, end, edges, over_lines=False)
        if unit == "variable":
            edges = list(chain(*self.templates[message], *self.values[message]))
            return between(text, start, end, edges)
        assert unit == "section"
        values = self.values[message]
        edges = list(self._edges_between(sections, message, start, end, values))
        found = between(text, start, end, edges)
        more = [edge for part in found for edge in _crossed(part, self.documents(message))]
        return between(text, start, end, [*edges, *more])

    def outside_values(self, place: Place) -> Place:
        """A place that cuts through no value of a tool's JSON."""
        message, start, end = place
        return message, *(self.json_around(message, start, end) or (start, end))

    def _edges_between(
        self,
        find: Callable[[str], list[Range]],
        message: int,
        start: int,
        end: int,
        values: Sequence[Range],
    ) -> Iterator[int]:
        """The starts of pieces; values that contain several are split separately."""
        yield from chain(*self.templates[message])
        for found, value in self._views(find, message, start, end, values):
            if value is None or len(found) > 1:
                yield from (a for a, _ in found)
                yield from value or ()

    def _pieces_of_word(self, message: int, start: int, end: int) -> list[Range]:
        """A word, split where a template, or a value of several words, ends inside its letters."""
        text = self._messages[message].content
        edges = [*chain(*self.templates[message]), *_crossed((start, end), self.values[message])]
        inside = {
            edge
            for edge in edges
            if start < edge < end
            and boundaries.has_word(text, start, edge)
            and boundaries.has_word(text, edge, end)
        }
        return list(pairwise(sorted({start, *inside, end})))

    def _views(
        self,
        find: Callable[[str], list[Range]],
        message: int,
        start: int,
        end: int,
        values: Sequence[Range],
    ) -> Iterator[tuple[list[Range], Range | None]]:
        """The findings in the text with all values masked, and in each value alone."""
        text = self._messages[message].content
        inside = [v for v in values if start <= v[0] < v[1] <= end and v != (start, end)]
        parts, at = [], start
        for a, b in inside:
            parts += [text[at:a], "x" * (b - a)]
            at = b
        yield _moved(find("".join([*parts, text[at:end]])), start), None
        for a, b in inside:
            yield _moved(find(text[a:b]), a), (a, b)

    def blocks(self, find: Callable[[str], list[Range]], message: int) -> list[Range]:
        """The finds of `find` in a template's own text, up to its edge, and in the values."""
        whole = len(self._messages[message].content)
        views = self._views(find, message, 0, whole, self.values[message])
        taken = [self._up_to_an_edge(message, *block) for block in next(views)[0]]
        inner = [(a, b) for found, _ in views for a, b in found if not _overlaps(a, b, taken)]
        return sorted([*taken, *inner])

    def _up_to_an_edge(self, message: int, start: int, end: int) -> Range:
        first = min(_crossed((start, end), self.templates[message]), default=end)
        return boundaries.strip(self._messages[message].content, start, first) or (start, end)


def reasoning_ranges(message: Message) -> list[Range]:
    """The ranges of a message that are reasoning, and could be left out of it."""
    found = list[Range]()
    for slot in message.slots if message.role == "assistant" else ():
        inline = range_of_reasoning(message.content[slot.start : slot.end])
        if message.parts and isinstance(message.parts[slot.part], Reasoning):
            found.append((slot.start, slot.end))
        elif inline is not None and not (slot.result or slot.media):
            found.append((slot.start + inline[0], slot.start + inline[1]))
    return found


def exactly(text: str) -> re.Pattern[str]:
    """A pattern for the text as whole words ("of", but not in "office")."""
    text = text.strip()
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return re.compile(before + re.escape(text) + after)


def _moved(ranges: Sequence[Range], by: int) -> list[Range]:
    return [(a + by, b + by) for a, b in ranges]


def _crossed(piece: Range, ranges: Sequence[Range]) -> Iterator[int]:
    """The edges of the ranges (in order, without overlap) that a piece crosses."""
    start, end = piece
    k = bisect_left(ranges, start, key=lambda r: r[0]) - 1
    if k >= 0 and start < ranges[k][1] < end:
        yield ranges[k][1]
    k = bisect_left(ranges, end, key=lambda r: r[0]) - 1
    if k >= 0 and start < ranges[k][0] and end < ranges[k][1]:
        yield ranges[k][0]


def _overlaps(start: int, end: int, ranges: Sequence[Range]) -> bool:
    """Whether any range (in order, without overlap) shares a character with `[start, end)`."""
    after = bisect_left(ranges, end, key=lambda r: r[0])
    return after > 0 and ranges[after - 1][1] > start


Protection = Sequence[str | re.Pattern[str]]
"""Roles, exact texts (as whole words) and patterns."""

ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
"""Strings that name a role, whether or not a message has it."""


def protected_ranges(messages: Sequence[Message], protect: Protection) -> list[list[Range]]:
    """The protected ranges of each message, in order and without overlap."""
    roles = ROLES | {message.role for message in messages}
    protected_roles = {item for item in protect if isinstance(item, str) and item in roles}
    patterns = [
        exactly(item) if isinstance(item, str) else item
        for item in protect
        if item not in protected_roles and item != ""
    ]
    ranges: list[list[Range]] = []
    for message in messages:
        if message.role in protected_roles:
            ranges.append([(0, len(message.content))])
            continue
        hits = sorted(
            match.span()
            for pattern in patterns
            for match in pattern.finditer(message.content)
            if match.end() > match.start()
        )
        merged: list[Range] = []
        for a, b in hits:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        ranges.append(merged)
    return ranges


def unmatched_protections(
    messages: Sequence[Message], protect: Protection
) -> list[str | re.Pattern[str]]:
    """The entries of `protect` that match nothing in these messages."""
    return [item for item in protect if not any(protected_ranges(messages, [item]))]


def overlapping(protected: Sequence[Range], start: int, end: int) -> Sequence[Range]:
    """The protected ranges of a message that share a character with `[start, end)`."""
    first = bisect_right(protected, start, key=lambda r: r[1])
    last = bisect_right(protected, end - 1, key=lambda r: r[0])
    return protected[first:last]


def split_around(
    text: str, start: int, end: int, protected: Sequence[Range]
) -> Iterator[tuple[int, int, bool]]:
    """The pieces of `[start, end)` between and in the protected ranges, and whether each is
    protected. Punctuation directly after a protected text belongs to it."""
    at = start
    for a, b in [*protected, (end, end)]:
        b = _with_punctuation(text, min(b, end), end)
        if (free := strip(text, at, max(at, a))) is not None:
            yield *free, False
        if (inside := strip(text, max(at, a), b)) is not None:
            yield *inside, True
        at = max(at, b)


def _with_punctuation(text: str, position: int, end: int) -> int:
    while position < end and not (text[position].isalnum() or text[position].isspace()):
        position += 1
    return position
