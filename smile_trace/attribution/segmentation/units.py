"""The units of a prompt, and where they are in it.

Words, sentences, sections, messages and variables cover the prompt. Examples, documents, the
matches of a pattern and the user's own spans are picked out of it, and the rest is retained.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import get_args

from smile_trace.attribution.segmentation import blocks, boundaries, json_structure, sections, turns
from smile_trace.attribution.segmentation.boundaries import Range
from smile_trace.attribution.segmentation.message_texts import (
    message_texts,
    result_documents,
    split_json,
)
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import Place, Prompted, Unit

Spans = Sequence[str | tuple[int, int] | tuple[int, int, int]]
AnyUnit = Unit | re.Pattern[str] | Spans
"""A unit by name; a pattern, each match of which is one; or the user's own spans: texts, each
as whole words, `(start, end)` in a prompt of one message, or
`(message, start, end)`."""


class CannotExplain(SmileTraceError):
    """The prompt has nothing that could be removed; the message says why."""

    code = ReasonCode.CANNOT_EXPLAIN


class UnitMissing(CannotExplain):
    """The prompt has no units of the kind that was asked for; the message says what to take."""


def named(unit: AnyUnit) -> Unit:
    """The name that segments of this unit carry; `span` for patterns and the user's own.

    Raises:
        ValueError: a string that names no unit.
    """
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
    """The pattern that is written as `/…/` in settings and commands; any other text as it is.

    Raises:
        CannotExplain: there is no regular expression between the slashes.
    """
    if len(text) < 3 or text[0] != "/" or text[-1] != "/":
        return text
    try:
        return re.compile(text[1:-1])
    except re.error as error:
        raise CannotExplain(f"{text} is no regular expression: {error}.") from None


class UnitSplitter:
    """Splits ranges of a prompt into the units that cover it.

    The values of variables never decide where the template's own text is split.
    """

    def __init__(self, prompted: Prompted) -> None:
        self._messages = prompted.messages
        self._texts = [message_texts(message) for message in prompted.messages]
        self._templates: list[list[Range]] = [[] for _ in prompted.messages]
        self._values: list[list[Range]] = [[] for _ in prompted.messages]
        self._documents: dict[int, list[Range]] = {}
        self._retrieved = [d.place for d in prompted.documents if d.place is not None]
        for use in prompted.prompts:
            self._templates[use.message].append((use.start, use.end))
            self._values[use.message] += [(v.start, v.end) for v in use.variable_spans]
        for ranges in (*self._templates, *self._values):
            ranges.sort()

    def templates(self, message: int) -> list[Range]:
        """Where templates were rendered into a message."""
        return self._templates[message]

    def values(self, message: int) -> list[Range]:
        """Where the values of variables stand in a message."""
        return self._values[message]

    def media(self, message: int) -> list[Range]:
        """Where the titles of images and files stand in a message."""
        return [(text.start, text.end) for text in self._texts[message] if text.media]

    def documents(self, message: int) -> list[Range]:
        """The documents in a message by their form; a tool's message without any is one."""
        if message not in self._documents:
            texts, content = self._texts[message], self._messages[message].content
            results = [text for text in texts if text.result]
            found = [d for t in results for d in result_documents(content, t, blocks.documents)]
            if len(results) < len(texts):
                own = self.blocks(blocks.documents, message)
                ends = [(text.start, text.end) for text in results]
                found += [block for block in own if not _overlaps(*block, ends)]
            found = self._with_retrieved(message, found)
            self._documents[message] = sorted(found)
        return self._documents[message]

    def _with_retrieved(self, message: int, found: list[Range]) -> list[Range]:
        """With the retrieved documents that stand in none of the ranges, and in place of a range
        that holds several of them."""
        known = [(a, b) for m, a, b in self._retrieved if m == message]
        retrieved = sorted(self.json_around(message, a, b) or (a, b) for a, b in known)
        kept = [block for block in found if sum(_holds(block, d) for d in retrieved) < 2]
        for document in retrieved:
            if not _overlaps(*document, sorted(kept)):
                kept.append(document)
        return kept

    def json_around(self, message: int, start: int, end: int) -> Range | None:
        """A range in the JSON that a tool gave back, moved outward so that it cuts through no
        value, or in the title of an image or file, which is one; None outside of both."""
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
        texts = self._texts[message]
        if len(texts) != 1 or texts[0].root is not None or texts[0].media:
            return list(self._split_texts(unit, message, start, end))
        return self._split_text(unit, message, start, end)

    def _split_texts(self, unit: Unit, message: int, start: int, end: int) -> Iterator[Range]:
        """The pieces of each text of a message that has several, or JSON."""
        content = self._messages[message].content
        for text in self._texts[message]:
            a, b = max(start, text.start), min(end, text.end)
            if a < b and text.media:
                yield text.start, text.end
            elif a < b and text.root is not None and unit != "variable":
                yield from split_json(content, text, unit, a, b)
            elif a < b:
                yield from self._split_text(unit, message, a, b)

    def _split_text(self, unit: Unit, message: int, start: int, end: int) -> list[Range]:
        text = self._messages[message].content
        if unit == "word":
            words = _moved(boundaries.words(text[start:end]), start)
            return [piece for word in words for piece in self._pieces_of_word(message, *word)]
        if unit == "sentence":
            stripped = (boundaries.strip(text, *value) for value in self._values[message])
            values = [value for value in stripped if value is not None]
            edges = list(self._edges_between(boundaries.sentences, message, start, end, values))
            return sections.between(text, start, end, edges, over_lines=False)
        if unit == "variable":
            edges = list(chain(*self._templates[message], *self._values[message]))
            return sections.between(text, start, end, edges)
        assert unit == "section"
        values = self._values[message]
        edges = list(self._edges_between(sections.sections, message, start, end, values))
        found = sections.between(text, start, end, edges)
        more = [edge for part in found for edge in _crossed(part, self.documents(message))]
        return sections.between(text, start, end, [*edges, *more])

    def outside_values(self, place: Place) -> Place:
        """A place that cuts through no value of JSON that a tool gave back."""
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
        """Where pieces begin; values that contain several are split separately."""
        yield from chain(*self._templates[message])
        for found, value in self._views(find, message, start, end, values):
            if value is None or len(found) > 1:
                yield from (a for a, _ in found)
                yield from value or ()

    def _pieces_of_word(self, message: int, start: int, end: int) -> list[Range]:
        """A word, split where a template, or a value of several words, ends inside its letters."""
        text = self._messages[message].content
        edges = [*chain(*self._templates[message]), *_crossed((start, end), self._values[message])]
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
        """What is found in the text with all values masked, and in each value alone."""
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
        """What `find` finds in a message: in the template's own text, and in the values.

        What runs over the edge of a template ends there.
        """
        whole = len(self._messages[message].content)
        views = self._views(find, message, 0, whole, self._values[message])
        taken = [self._up_to_an_edge(message, *block) for block in next(views)[0]]
        inner = [(a, b) for found, _ in views for a, b in found if not _overlaps(a, b, taken)]
        return sorted([*taken, *inner])

    def _up_to_an_edge(self, message: int, start: int, end: int) -> Range:
        """A range up to the first edge of a template that it crosses."""
        first = min(_crossed((start, end), self._templates[message]), default=end)
        return boundaries.strip(self._messages[message].content, start, first) or (start, end)


_OF_CONVERSATIONS = {
    "tool_result": (
        turns.tool_results,
        "The messages hold no result of a tool: explain it by the unit 'auto'.",
    ),
    "media": (
        turns.media,
        "The messages hold no image, recording or file: explain it by the unit 'auto'.",
    ),
    "turn": (
        turns.turns,
        "The conversation has no turn before the last question: explain it by the unit 'message'.",
    ),
    "step": (
        turns.steps,
        "The messages hold no call of a tool with its result: explain it by the unit 'auto'.",
    ),
}
"""Units of conversations: how they are found, and what to take where there are none."""


def picked(prompted: Prompted, unit: AnyUnit) -> list[tuple[Place, ...]] | None:
    """The places of every example, document, match or own span, in order; None for the others.

    Examples are those of `blocks.examples` and the pairs of a user's and an assistant's message
    before the last user's. Documents are those of `blocks.documents`, and every other message
    of the role `tool` or `function`. Turns, steps and results of tools are those of `turns`.

    Raises:
        UnitMissing: there are none in this prompt.
        ValueError: own spans outside the prompt, empty or over one another.
    """
    splitter = UnitSplitter(prompted)
    messages = range(len(prompted.messages))
    found: list[tuple[Place, ...]]
    if isinstance(unit, re.Pattern):
        found = [((m, a, b),) for m in messages for a, b in _matches(unit, prompted, m)]
        missing = f"The pattern {unit.pattern!r} matches nothing in the prompt: change it."
    elif not isinstance(unit, str):
        found = _given_spans(prompted, unit)
        missing = "None of the given texts stands in the prompt: give others, or another unit."
    elif unit == "example":
        pairs = _pairs(prompted)
        in_pairs = {m for pair in pairs for m, _, _ in pair}
        found = pairs + [
            ((m, a, b),)
            for m in messages
            if m not in in_pairs
            for a, b in splitter.blocks(blocks.examples, m)
        ]
        missing = (
            "The prompt shows no examples (messages in pairs, <example> elements, Q: and A:, "
            "or numbered ones): give a pattern or spans as the unit, or take 'section'."
        )
    elif unit == "document":
        found = [((m, a, b),) for m in messages for a, b in splitter.documents(m)]
        missing = (
            "The prompt shows no documents (<document> elements, [1] or 'Document 1:' blocks, "
            "tool messages): give a pattern or spans as the unit, or take 'section'."
        )
    elif unit == "tool":
        found = turns.tools(prompted)
        missing = "The request offers no tools: explain it by the unit 'auto'."
    elif unit in _OF_CONVERSATIONS:
        find, missing = _OF_CONVERSATIONS[unit]
        found = find(prompted.messages)
    else:
        return None
    if not found:
        raise UnitMissing(missing)
    return sorted(tuple(splitter.outside_values(place) for place in places) for places in found)


def exactly(text: str) -> re.Pattern[str]:
    """A pattern for the text as whole words ("of", but not in "office")."""
    text = text.strip()
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return re.compile(before + re.escape(text) + after)


def _pairs(prompted: Prompted) -> list[tuple[Place, ...]]:
    """Each user message and the assistant message after it, before the last user message."""
    roles = [message.role for message in prompted.messages]
    last = max((m for m, role in enumerate(roles) if role == "user"), default=0)
    return [
        tuple((m, 0, len(prompted.messages[m].content)) for m in pair)
        for pair in pairwise(range(last))
        if [roles[m] for m in pair] == ["user", "assistant"]
        and all(prompted.messages[m].content.strip() for m in pair)
    ]


def _matches(pattern: re.Pattern[str], prompted: Prompted, message: int) -> list[Range]:
    text = prompted.messages[message].content
    stripped = (boundaries.strip(text, *match.span()) for match in pattern.finditer(text))
    return [match for match in stripped if match is not None]


def _given_spans(prompted: Prompted, spans: Spans) -> list[tuple[Place, ...]]:
    places: list[Place] = []
    for span in spans:
        if isinstance(span, str):
            for m in range(len(prompted.messages)):
                places += [(m, a, b) for a, b in _matches(exactly(span), prompted, m) if span]
        else:
            places.append(_place(prompted, span))
    places.sort()
    for (m, _, end), (n, start, _) in pairwise(places):
        if m == n and start < end:
            raise ValueError(f"The spans around character {start} of message {m} overlap.")
    return [(place,) for place in places]


def _place(prompted: Prompted, span: tuple[int, ...]) -> Place:
    if len(span) == 2 and len(prompted.messages) > 1:
        raise ValueError(f"The span {span} needs its message: (message, start, end).")
    message, start, end = span if len(span) == 3 else (0, *span)
    if 0 <= message < len(prompted.messages):
        text = prompted.messages[message].content
        inside = boundaries.strip(text, start, end) if 0 <= start < end <= len(text) else None
        if inside is not None:
            return message, *inside
    raise ValueError(f"There is no text at {span} of the prompt.")


def _holds(block: Range, inside: Range) -> bool:
    return block[0] <= inside[0] and inside[1] <= block[1]


def _moved(ranges: Sequence[Range], by: int) -> list[Range]:
    return [(a + by, b + by) for a, b in ranges]


def _crossed(piece: Range, ranges: Sequence[Range]) -> Iterator[int]:
    """Where a piece crosses the edges of these (in order, without overlap)."""
    start, end = piece
    k = bisect_left(ranges, start, key=lambda r: r[0]) - 1
    if k >= 0 and start < ranges[k][1] < end:
        yield ranges[k][1]
    k = bisect_left(ranges, end, key=lambda r: r[0]) - 1
    if k >= 0 and start < ranges[k][0] and end < ranges[k][1]:
        yield ranges[k][0]


def _overlaps(start: int, end: int, ranges: Sequence[Range]) -> bool:
    """Whether any of these (in order, without overlap) shares a character with `[start, end)`."""
    after = bisect_left(ranges, end, key=lambda r: r[0])
    return after > 0 and ranges[after - 1][1] > start
