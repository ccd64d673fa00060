"""The structure of a JSON text, and the text without some of its members and elements.

What is left is valid JSON: a member goes with its key and comma, a container that loses everything
goes, too, and the outermost container stays, empty. Everything else is sent byte for byte. Words
and sentences can be removed inside a longer string; its escapes are never cut.
"""

import json
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.segmentation.boundaries import Range
from smile_trace.records import Message

MAX_DEPTH = 64
"""Depth of lists and objects beyond which a text is read as plain text."""

LONG = 9
"""Words from which a string is a text whose words can be removed, not a field's value."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
)


@dataclass(frozen=True)
class Node:
    """A value with its key, if any, at characters `[start, end)`; the value begins at `value`."""

    kind: Literal["object", "array", "string", "scalar"]
    start: int
    value: int
    end: int
    children: tuple["Node", ...] = ()

    @property
    def range(self) -> Range:
        """The range from the key to the end of the value."""
        return self.start, self.end

    @property
    def inside(self) -> Range:
        """The range between the quotes of a string."""
        return self.value + 1, self.end - 1

    def leaves(self, start: int = 0, end: int = sys.maxsize) -> Iterator["Node"]:
        """The childless values that share characters with `[start, end)`, in order."""
        stack = [self]
        while stack:
            node = stack.pop()
            if node.children:
                first = bisect_right(node.children, start, key=lambda child: child.end)
                last = bisect_left(node.children, end, key=lambda child: child.start)
                stack.extend(reversed(node.children[first:last]))
            elif node.start < end and start < node.end:
                yield node


def parse(text: str) -> Node | None:
    """The structure of an object or a list; None for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _tree(text)


def _tree(text: str) -> Node | None:
    """The structure of a valid JSON text; None if it is nested too deeply."""
    opened: list[tuple[Literal["object", "array"], int, int]] = []
    members: list[list[Node]] = [[]]
    key: int | None = None
    for token in _TOKEN.finditer(text):
        first, at, end = token.group()[0], token.start(), token.end()
        start = at if key is None else key
        if first in "{[":
            if len(opened) == MAX_DEPTH:
                return None
            opened.append(("object" if first == "{" else "array", start, at))
            members.append([])
            key = None
        elif first in "}]":
            kind, start, value = opened.pop()
            children = tuple(members.pop())
            members[-1].append(Node(kind, start, value, end, children))
        elif first == '"' and key is None and opened and opened[-1][0] == "object":
            key = at
        elif first not in ",:":
            members[-1].append(Node("string" if first == '"' else "scalar", start, at, end))
            key = None
    return members[0][0]


def sections(node: Node) -> list[Range]:
    """The members of a container, or of the container that is its only member."""
    while len(node.children) == 1 and node.children[0].children:
        node = node.children[0]
    return [child.range for child in node.children]


def documents(node: Node, text: str) -> list[Range]:
    """The elements of a list of several, which may be the only member of an object; else of the
    only list in it whose elements are objects with a long text (`results` beside a `query`)."""
    while len(node.children) == 1 and node.children[0].children:
        node = node.children[0]
    if node.kind == "array" and len(node.children) > 1:
        return [child.range for child in node.children]
    lists = list(_lists_of_texts(node, text))
    return [child.range for child in lists[0].children] if len(lists) == 1 else []


def _lists_of_texts(node: Node, text: str) -> Iterator[Node]:
    for child in node.children if node.kind == "object" else ():
        objects = child.kind == "array" and all(one.kind == "object" for one in child.children)
        if objects and any(_is_long(leaf, text) for leaf in child.leaves()):
            yield child
        else:
            yield from _lists_of_texts(child, text)


def _is_long(leaf: Node, text: str) -> bool:
    return leaf.kind == "string" and len(text[slice(*leaf.inside)].split()) >= LONG


def writable(text: str) -> Range | None:
    """The place in a text to which words can be added: all of it; of JSON its last long string,
    else that with the most words, and None without any."""
    if (root := parse(f"[{text}]")) is None:
        return 0, len(text)
    strings = [leaf.inside for leaf in root.leaves() if leaf.kind == "string"]
    found = [(a - 1, b - 1) for a, b in strings]
    return max(found, key=lambda r: (min(len(text[slice(*r)].split()), LONG), r), default=None)


def around(node: Node, start: int, end: int) -> Range:
    """A range of the text, moved outward so that it cuts through no value but strings' texts."""
    for leaf in node.leaves(start, end):
        inner = leaf.inside if leaf.kind == "string" else (leaf.end, leaf.end)
        if not (inner[0] <= start and end <= inner[1]):
            start, end = min(start, leaf.start), max(end, leaf.end)
    return start, end


def _pieces(text: str, node: Node, find: Callable[[str], list[Range]], fewest: int) -> list[Range]:
    """The pieces of a leaf: those of a string that `find` finds, if `fewest`, else the whole."""
    if node.kind != "string":
        return [node.range]
    start, end = node.inside
    places = _places(text[start:end])
    found = find(json.loads(f'"{text[start:end]}"', strict=False))
    if len(found) < fewest:
        return [node.range]
    return [(start + places[a], start + places[b]) for a, b in found]


def _places(inner: str) -> list[int]:
    """The start of each character of the decoded string in its JSON text, and the end."""
    places: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(inner):
        places.extend(range(at, escape.start() + 1))
        at = escape.end()
    return [*places, *range(at, len(inner) + 1)]


class CutJSON:
    """A valid JSON text without some disjoint segments, given by start, end and index in order."""

    def __init__(self, text: str, root: Node, segments: Sequence[tuple[int, int, int]]) -> None:
        self._text = text
        self._root = root
        self._segments = {index for _, _, index in segments}
        starts = [start for start, _, _ in segments]
        ends = [end for _, end, _ in segments]
        self._in_leaf: dict[int, list[tuple[int, int, int]]] = {}
        for leaf in root.leaves():
            first, last = bisect_right(ends, leaf.start), bisect_left(starts, leaf.end)
            self._in_leaf[leaf.start] = list(segments[first:last])

    def retained(self, mask: Sequence[bool]) -> bool:
        """Whether nothing of the text is removed."""
        return all(mask[index] for index in self._segments)

    def sendable(self, mask: Sequence[bool]) -> bool:
        """Whether anything is left, or stands in no segment and is always sent."""
        always = not all(self._in_leaf.values())
        return always or any(mask[index] for index in self._segments)

    def text(self, mask: Sequence[bool]) -> str:
        """The text with only the segments whose entry in `mask` is True."""
        rendered = self._render(self._root, mask)
        if rendered is None:
            return "{}" if self._root.kind == "object" else "[]"
        return self._text[: self._root.start] + rendered + self._text[self._root.end :]

    def _render(self, node: Node, mask: Sequence[bool]) -> str | None:
        if not node.children:
            return self._leaf(node, mask)
        kept = [(k, self._render(child, mask)) for k, child in enumerate(node.children)]
        shown = [(k, rendered) for k, rendered in kept if rendered is not None]
        if not shown:
            return None
        text, children = self._text, node.children
        parts = [text[node.start : children[0].start], shown[0][1]]
        for k, rendered in shown[1:]:
            parts += [text[children[k - 1].end : children[k].start], rendered]
        return "".join([*parts, text[children[-1].end : node.end]])

    def _leaf(self, leaf: Node, mask: Sequence[bool]) -> str | None:
        segments = self._in_leaf[leaf.start]
        whole = self._text[leaf.start : leaf.end]
        removed = [(a, b) for a, b, index in segments if not mask[index]]
        if not removed:
            return whole
        if leaf.kind != "string":
            return None if len(removed) == len(segments) else whole
        rest, (start, end) = self._string(leaf, removed), leaf.inside
        left = rest[start - leaf.start : len(rest) - (leaf.end - end)]
        return rest if left.strip() else None

    def _string(self, leaf: Node, removed: Sequence[Range]) -> str:
        """A string without the removed pieces; a single space stays of those around a piece."""
        start, end = leaf.inside
        escapes = [match.span() for match in _ESCAPE.finditer(self._text, start, end)]
        parts, at = [self._text[leaf.start : start]], start
        for a, b in removed:
            a, b = _outward(max(a, start), min(b, end), escapes)
            if a >= b:
                continue
            before = self._text[at : max(a, at)]
            if b < end and self._text[b] == " " and (not before or before.endswith(" ")):
                b += 1
            elif b == end:
                before = before.rstrip(" ")
            parts.append(before)
            at = max(b, at)
        return "".join([*parts, self._text[at : leaf.end]])


def _outward(start: int, end: int, escapes: Sequence[Range]) -> Range:
    """The range extended to whole escapes."""
    for a, b in escapes:
        if a < start < b:
            start = a
        if a < end < b:
            end = b
    return start, end


@dataclass(frozen=True)
class MessageText:
    """A text of its own in a message's content, at characters `[start, end)`. `result` is set for a
    tool's result, whose `root` is then its structure (offsets from `start`), if it is JSON. `media`
    marks the title of an image or file, which is one piece, and `uri` is its address. `document`:
    it is one as a whole."""

    start: int
    end: int
    result: bool = False
    root: Node | None = None
    media: bool = False
    document: bool = False
    title: str | None = None
    uri: str | None = None

    def moved(self, ranges: Sequence[Range]) -> list[Range]:
        """Ranges of this text as ranges of the message's content."""
        return [(a + self.start, b + self.start) for a, b in ranges]


def message_texts(message: Message) -> tuple[MessageText, ...]:
    """The texts of a message, in order."""
    return tuple(
        MessageText(
            slot.start,
            slot.end,
            slot.result,
            parse(message.content[slot.start : slot.end]) if slot.result else None,
            slot.media,
            slot.document,
            slot.title,
            getattr(message.parts[slot.part], "uri", None) if slot.media else None,
        )
        for slot in message.slots
    )


def split_json(content: str, text: MessageText, unit: str, start: int, end: int) -> list[Range]:
    """The pieces of JSON in `[start, end)`: leaves, their words, or a container's members."""
    assert text.root is not None
    inner = content[text.start : text.end]
    if unit == "section":
        found = sections(_container(text.root, start - text.start, end - text.start))
        found = found or [text.root.range]
    else:
        cut = (boundaries.words, LONG) if unit == "word" else (boundaries.sentences, 2)
        found = [piece for leaf in text.root.leaves() for piece in _pieces(inner, leaf, *cut)]
    return [(a, b) for a, b in text.moved(found) if start <= a and b <= end]


def _container(root: Node, start: int, end: int) -> Node:
    """The node that begins and ends with the range; the outermost if there is none."""
    stack = [root]
    while stack:
        node = stack.pop()
        if (node.start, node.end) == (start, end):
            return node
        stack += [child for child in node.children if child.start <= start and end <= child.end]
    return root


def result_documents(
    content: str, text: MessageText, find: Callable[[str], list[Range]]
) -> list[Range]:
    """The documents in a tool's result: elements of a list, what `find` finds, or none."""
    inner = content[text.start : text.end]
    return text.moved(find(inner) if text.root is None else documents(text.root, inner))
