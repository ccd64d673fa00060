"""The texts of a message, and the structure of those that are JSON which a tool gave back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smile_trace.attribution.segmentation import json_structure
from smile_trace.attribution.segmentation.boundaries import Range, strip
from smile_trace.attribution.segmentation.json_structure import Node
from smile_trace.records import Message


@dataclass(frozen=True)
class MessageText:
    """Characters `[start, end)` of a message's content: a text of its own.

    `result` is set where a tool gave it back; `root` is then its structure (offsets from
    `start`), if it is JSON. `media`: it is the title of an image or file, which is one piece.
    """

    start: int
    end: int
    result: bool = False
    root: Node | None = None
    media: bool = False

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
            json_structure.parse(message.content[slot.start : slot.end]) if slot.result else None,
            slot.media,
        )
        for slot in message.slots
    )


def split_json(content: str, text: MessageText, unit: str, start: int, end: int) -> list[Range]:
    """The pieces of JSON in `[start, end)` of a message: its leaves, or the words of these; the
    members of the smallest container around the range as its sections."""
    assert text.root is not None
    inner = content[text.start : text.end]
    if unit == "section":
        found = json_structure.sections(_container(text.root, start - text.start, end - text.start))
        found = found or [text.root.range]
    else:
        cut = json_structure.words if unit == "word" else json_structure.sentences
        found = [piece for leaf in text.root.leaves() for piece in cut(inner, leaf)]
    return [(a, b) for a, b in text.moved(found) if start <= a and b <= end]


def _container(root: Node, start: int, end: int) -> Node:
    """The node that begins and ends with the range; the outermost where there is none."""
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
    """The documents in what a tool gave back: the elements of a JSON list, what `find` finds in
    another text, or the whole."""
    inner = content[text.start : text.end]
    found = find(inner) if text.root is None else json_structure.documents(text.root)
    whole = strip(inner, 0, len(inner))
    return text.moved(found or ([] if whole is None else [whole]))
