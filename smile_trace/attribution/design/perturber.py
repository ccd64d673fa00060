"""The exact messages that are sent for a mask. Only the strongest white space around a removed
segment stays (a paragraph break before a line break before a space), words of scripts with spaces
never run together, and an empty message is omitted."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from smile_trace.attribution.segmentation.boundaries import strip
from smile_trace.attribution.segmentation.json_structure import CutJSON, message_texts
from smile_trace.attribution.segmentation.selections import WHOLE
from smile_trace.records import Message, Prompted, Segment


class Perturber:
    """Renders a prompt without some of its segments. The places of `segments` must not overlap;
    text between them, other than white space, is always sent. A removed turn or step omits whole
    messages. Otherwise a tool's result is emptied, not omitted, and JSON stays valid."""

    def __init__(self, prompted: Prompted, segments: Sequence[Segment]) -> None:
        self._messages = prompted.messages
        self._whole: dict[int, int] = {}
        inside: list[list[tuple[int, int, int]]] = [[] for _ in prompted.messages]
        for index, segment in enumerate(segments):
            for message, start, end in segment.places:
                inside[message].append((start, end, index))
                if segment.unit in WHOLE:
                    self._whole[message] = index
        self._texts = [
            _texts(message, sorted(ranges))
            for message, ranges in zip(prompted.messages, inside, strict=True)
        ]

    def messages(self, mask: Sequence[bool]) -> tuple[Message, ...]:
        """The messages with only the segments whose entry in `mask` is True."""
        sent: list[Message | None] = []
        for place, (message, texts) in enumerate(zip(self._messages, self._texts, strict=True)):
            if place in self._whole and not mask[self._whole[place]]:
                continue
            if all(text.retained(mask) for text in texts):
                sent.append(message)
            else:
                sent.append(message.with_texts([text.text(mask) for text in texts]))
        return tuple(message for message in sent if message is not None)

    def sendable(self, mask: Sequence[bool]) -> bool:
        """Whether anything but white space is left to send."""
        return any(text.sendable(mask) for texts in self._texts for text in texts)


def _texts(
    message: Message, inside: Sequence[tuple[int, int, int]]
) -> "list[_PlainText | CutJSON]":
    found: list[_PlainText | CutJSON] = []
    for text in message_texts(message):
        content = message.content[text.start : text.end]
        mine = [
            (max(start - text.start, 0), min(end, text.end) - text.start, index)
            for start, end, index in inside
            if start < text.end and text.start < end
        ]
        found.append(
            _PlainText(content, mine) if text.root is None else CutJSON(content, text.root, mine)
        )
    return found


class _PlainText:
    """A text without some of its segments; the methods are those of `CutJSON`."""

    def __init__(self, content: str, inside: Sequence[tuple[int, int, int]]) -> None:
        self._content = content
        self._pieces = list(_pieces(content, inside))
        self._gaps = [content[one[2] : other[1]] for one, other in pairwise(self._pieces)]
        self._strengths = [(space.count("\n"), bool(space)) for space in self._gaps]

    def retained(self, mask: Sequence[bool]) -> bool:
        return all(index is None or mask[index] for index, _, _ in self._pieces)

    def sendable(self, mask: Sequence[bool]) -> bool:
        return any(index is None or mask[index] for index, _, _ in self._pieces)

    def text(self, mask: Sequence[bool]) -> str | None:
        pieces = enumerate(self._pieces)
        kept = [k for k, (index, _, _) in pieces if index is None or mask[index]]
        if len(kept) == len(self._pieces):
            return self._content
        return self._joined(kept) if kept else None

    def _joined(self, kept: Sequence[int]) -> str:
        content, pieces, begin = self._content, self._pieces, kept[0]
        parts = [content[: pieces[0][1]]]
        for k, after in pairwise(kept):
            if after > k + 1:
                parts += content[pieces[begin][1] : pieces[k][2]], self._gap(k, after)
                begin = after
        last = content[pieces[begin][1] : pieces[kept[-1]][2]]
        return "".join([*parts, last, content[pieces[-1][2] :]])

    def _gap(self, first: int, last: int) -> str:
        """The white space between two pieces if those between are removed."""
        gap = self._gaps[max(range(first, last), key=self._strengths.__getitem__)]
        left = self._content[self._pieces[first][2] - 1]
        right = self._content[self._pieces[last][1]]
        return " " if not gap and _spaced(left) and _spaced(right) else gap


_Piece = tuple[int | None, int, int]
"""Characters `[start, end)` of a message and their segment; None for text outside segments."""


def _pieces(content: str, inside: Sequence[tuple[int, int, int]]) -> Iterator[_Piece]:
    at = 0
    for start, end, index in inside:
        yield from _between(content, at, start)
        yield index, start, end
        at = end
    yield from _between(content, at, len(content))


def _between(content: str, start: int, end: int) -> Iterator[_Piece]:
    if (piece := strip(content, start, end)) is not None:
        yield None, *piece


def _spaced(character: str) -> bool:
    """Whether it is a letter or digit of a script that puts spaces between words."""
    return character.isalnum() and (character < "\u0e00" or "\uac00" <= character < "\ud7a4")
