"""The exact messages that are sent for a mask.

What is left out leaves no trace: of the white space around it only the strongest stretch
stays (a paragraph break before a line break before a space), words of scripts with spaces
never run together, and a message left empty is omitted.
"""

from collections.abc import Sequence

from smile_trace.records import Message, Prompted, Segment


class Perturber:
    """Renders a prompt without some of its segments.

    `segments` must be in order and must not overlap; text between them that is not white
    space belongs to no segment and stays.
    """

    def __init__(self, prompted: Prompted, segments: Sequence[Segment]) -> None:
        self._messages = prompted.messages
        self._segments: list[list[tuple[int, Segment]]] = [[] for _ in prompted.messages]
        for index, segment in enumerate(segments):
            self._segments[segment.message].append((index, segment))

    def messages(self, mask: Sequence[bool]) -> tuple[Message, ...]:
        """The messages that hold only the segments whose place in `mask` is True."""
        sent: list[Message] = []
        for message, inside in zip(self._messages, self._segments, strict=True):
            if all(mask[index] for index, _ in inside):
                sent.append(message)
            elif content := _without(message.content, inside, mask):
                sent.append(message.model_copy(update={"content": content}))
        return tuple(sent)

    def sendable(self, mask: Sequence[bool]) -> bool:
        """Whether anything but white space is left to send."""
        return any(message.content.strip() for message in self.messages(mask))


def _without(content: str, inside: Sequence[tuple[int, Segment]], mask: Sequence[bool]) -> str:
    """The text without the segments that are left out; empty where nothing is left."""
    kept: list[str] = []
    gap = ""  # the white space that will stand before the next piece
    dropped = False  # whether something was left out since the last piece
    at = 0
    for index, segment in inside:
        gap, kept, dropped = _keep(kept, gap, content[at : segment.start], dropped)
        if mask[index]:
            kept.append(_joint(kept, gap, segment.text, dropped) + segment.text)
            gap, dropped = "", False
        else:
            dropped = True
        at = segment.end
    gap, kept, dropped = _keep(kept, gap, content[at:], dropped)
    tail = content[len(content.rstrip()) :]
    return "".join(kept) + tail if kept else ""


def _keep(kept: list[str], gap: str, between: str, dropped: bool) -> tuple[str, list[str], bool]:
    """Takes in the text between two segments: white space competes, anything else stays."""
    text = between.strip()
    if not text:
        return (_stronger(gap, between) if kept else _first(gap, between, dropped)), kept, dropped
    start = between.index(text)
    gap = _stronger(gap, between[:start])
    kept.append(_joint(kept, gap, text, dropped) + text)
    return between[start + len(text) :], kept, False


def _first(gap: str, between: str, dropped: bool) -> str:
    """Before the first piece only the text's own leading white space stands."""
    return gap if dropped else between


def _stronger(one: str, other: str) -> str:
    """The white space that separates more; the first of equals."""
    return max(one, other, key=lambda space: (space.count("\n"), bool(space)))


def _joint(kept: Sequence[str], gap: str, text: str, dropped: bool) -> str:
    """The white space before the next piece."""
    if gap or not dropped or not kept:
        return gap
    left, right = kept[-1][-1], text[0]
    return " " if _spaced(left) and _spaced(right) else ""


def _spaced(character: str) -> bool:
    """Letters and digits of scripts that put spaces between words (those below U+0E00)."""
    return character.isalnum() and (
        "\u0000" <= character < "\u0e00" or "\uac00" <= character < "\ud7a4"
    )
