"""The units of a prompt, and where they are in it.

Words, sentences, sections, messages and variables cover the prompt. Examples, documents, the
matches of a pattern and the user's own spans are picked out of it, and the rest is retained.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import get_args

from smile_trace.attribution.segmentation import blocks, boundaries, sections
from smile_trace.attribution.segmentation.boundaries import Range
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
        self._edges: list[set[int]] = [set() for _ in prompted.messages]
        self._values: list[list[Range]] = [[] for _ in prompted.messages]
        for use in prompted.prompts:
            self._edges[use.message] |= {use.start, use.end}
            self._values[use.message] += [(v.start, v.end) for v in use.variable_spans]

    def split(self, unit: Unit, message: int, start: int, end: int) -> list[Range]:
        """The pieces of `[start, end)` of a message, in order."""
        text = self._messages[message].content
        if unit == "message":
            whole = boundaries.strip(text, start, end)
            return [] if whole is None else [whole]
        if unit == "word":
            return _moved(boundaries.words(text[start:end]), start)
        if unit == "sentence":
            edges = [e for e in self._edges[message] if start < e < end]
            inside = sorted({start, end, *edges})
            return [
                r for a, b in pairwise(inside) for r in _moved(boundaries.sentences(text[a:b]), a)
            ]
        if unit == "variable":
            edges = [*self._edges[message], *(e for value in self._values[message] for e in value)]
            return sections.between(text, start, end, edges)
        assert unit == "section"
        return sections.between(text, start, end, self._section_edges(message, start, end))

    def _section_edges(self, message: int, start: int, end: int) -> Iterator[int]:
        """Section boundaries; variable values that contain sections are split separately."""
        yield from self._edges[message]
        for found, value in self._views(sections.sections, message, start, end):
            if value is None or len(found) > 1:
                yield from (a for a, _ in found)
                yield from value or ()

    def _views(
        self, find: Callable[[str], list[Range]], message: int, start: int, end: int
    ) -> Iterator[tuple[list[Range], Range | None]]:
        """What is found in the text with all values masked, and in each value alone."""
        text = self._messages[message].content
        inside = (v for v in self._values[message] if start <= v[0] < v[1] <= end)
        values = sorted(v for v in inside if v != (start, end))
        parts, at = [], start
        for a, b in values:
            parts += [text[at:a], "x" * (b - a)]
            at = b
        yield _moved(find("".join([*parts, text[at:end]])), start), None
        for a, b in values:
            yield _moved(find(text[a:b]), a), (a, b)

    def blocks(self, find: Callable[[str], list[Range]], message: int) -> list[Range]:
        """What `find` finds in a message: in the template's own text, and in the values."""
        views = self._views(find, message, 0, len(self._messages[message].content))
        taken, _ = next(views)
        inner = [(a, b) for found, _ in views for a, b in found if not _overlaps(a, b, taken)]
        return sorted([*taken, *inner])


def picked(prompted: Prompted, unit: AnyUnit) -> list[tuple[Place, ...]] | None:
    """The places of every example, document, match or own span, in order; None for the others.

    Examples are those of `blocks.examples` and the pairs of a user's and an assistant's message
    before the last user's. Documents are those of `blocks.documents`, and every other message
    of the role `tool` or `function`.

    Raises:
        CannotExplain: there are none in this prompt.
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
        found = [((m, a, b),) for m in messages for a, b in _documents(prompted, splitter, m)]
        missing = (
            "The prompt shows no documents (<document> elements, [1] or 'Document 1:' blocks, "
            "tool messages): give a pattern or spans as the unit, or take 'section'."
        )
    else:
        return None
    if not found:
        raise CannotExplain(missing)
    return sorted(found)


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


def _documents(prompted: Prompted, splitter: UnitSplitter, message: int) -> list[Range]:
    sent = prompted.messages[message]
    if found := splitter.blocks(blocks.documents, message):
        return found
    whole = boundaries.strip(sent.content, 0, len(sent.content))
    return [whole] if whole and sent.role in ("tool", "function") else []


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


def _moved(ranges: Sequence[Range], by: int) -> list[Range]:
    return [(a + by, b + by) for a, b in ranges]


def _overlaps(start: int, end: int, ranges: Sequence[Range]) -> bool:
    """Whether any of these (in order, without overlap) shares a character with `[start, end)`."""
    after = bisect_left(ranges, end, key=lambda r: r[0])
    return after > 0 and ranges[after - 1][1] > start
