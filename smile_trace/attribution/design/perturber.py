"""The exact messages that are sent for a mask.

Of the white space around a removed segment only the strongest stretch stays (a paragraph break
before a line break before a space), words of scripts with spaces never run together, and an
empty message is omitted.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from smile_trace.attribution.segmentation.boundaries import strip
from smile_trace.records import Message, Prompted, Segment


class Perturber:
    """Renders a prompt without some of its segments.

    The places of `segments` must not overlap; text between them, other than white space, is
    always sent.
    """

    def __init__(self, prompted: Prompted, segments: Sequence[Segment]) -> None:
        self._messages = prompted.messages
        inside: list[list[tuple[int, int, int]]] = [[] for _ in prompted.messages]
        for index, segment in enumerate(segments):
            for message, start, end in segment.places:
                inside[message].append((start, end, index))
        self._pieces = [
            list(_pieces(message.content, sorted(ranges)))
            for message, ranges in zip(prompted.messages, inside, strict=True)
        ]

    def messages(self, mask: Sequence[bool]) -> tuple[Message, ...]:
        """The messages with only the segments whose entry in `mask` is True."""
        sent: list[Message] = []
        for message, pieces in zip(self._messages, self._pieces, strict=True):
            retained = [index is None or mask[index] for index, _, _ in pieces]
            if all(retained):
                sent.append(message)
            elif any(retained):
                content = _joined(message.content, pieces, retained)
                sent.append(message.model_copy(update={"content": content}))
        return tuple(sent)

    def sendable(self, mask: Sequence[bool]) -> bool:
        """Whether anything but white space is left to send."""
        return any(
            index is None or mask[index] for pieces in self._pieces for index, _, _ in pieces
        )


_Piece = tuple[int | None, int, int]
"""Characters `[start, end)` of a message and their segment; None for text of no segment."""


def _pieces(content: str, inside: Sequence[tuple[int, int, int]]) -> Iterator[_Piece]:
    """A message's segments and the text between them, without white space around."""
    at = 0
    for start, end, index in inside:
        yield from _between(content, at, start)
        yield index, start, end
        at = end
    yield from _between(content, at, len(content))


def _between(content: str, start: int, end: int) -> Iterator[_Piece]:
    if (piece := strip(content, start, end)) is not None:
        yield None, *piece


def _joined(content: str, pieces: Sequence[_Piece], retained: Sequence[bool]) -> str:
    """The retained pieces with the white space between them and at the ends of the text."""
    places = [k for k, keep in enumerate(retained) if keep]
    parts = [content[: pieces[0][1]]]
    for k, after in pairwise(places):
        parts.append(content[pieces[k][1] : pieces[k][2]])
        parts.append(_gap(content, pieces[k : after + 1]))
    last = pieces[places[-1]]
    return "".join([*parts, content[last[1] : last[2]], content[pieces[-1][2] :]])


def _gap(content: str, pieces: Sequence[_Piece]) -> str:
    """The white space between the first and the last of these pieces, without the others."""
    gaps = [content[one[2] : other[1]] for one, other in pairwise(pieces)]
    gap = max(gaps, key=lambda space: (space.count("\n"), bool(space)))
    left, right = content[pieces[0][2] - 1], content[pieces[-1][1]]
    return " " if not gap and len(gaps) > 1 and _spaced(left) and _spaced(right) else gap


def _spaced(character: str) -> bool:
    """Letters and digits of scripts that put spaces between words."""
    return character.isalnum() and (character < "\u0e00" or "\uac00" <= character < "\ud7a4")
