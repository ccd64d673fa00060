"""The cells of an image as texts of a message, so that they are parts like any other.

The message is the last of a prompt, and of its explanation. It is never sent: what is left in it
says which cells of the image are covered.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from smile_trace._guards import images
from smile_trace._text.lists import ordinal
from smile_trace.records.call import Prompted
from smile_trace.records.message import Media, Message

CELLS = "image by cells"
_HALF = re.compile(r"(\d),(\d) (left|right|top|bottom)")
_HALVES = ("left", "right", "top", "bottom")


def with_cells(prompted: Prompted) -> Prompted:
    """Return the prompt with a message of cells for each distinct image that can be decoded."""
    shown = [(media, uri) for media, uri in _inline(prompted.messages) if _why_whole(uri) is None]
    made = tuple(
        _message(media.title if len(shown) == 1 else f"{ordinal(k)} {media.title}", uri)
        for k, (media, uri) in enumerate(shown)
    )
    return prompted.model_copy(update={"messages": (*prompted.messages, *made)})


def why_whole(messages: Sequence[Message]) -> Iterator[str]:
    """Say of each image whose data is there but cannot be cut into cells why it was not."""
    for media, uri in _inline(messages):
        if (why := _why_whole(uri)) is not None:
            yield f"The {media.title} was removed as a whole: {why}."


def _inline(messages: Sequence[Message]) -> list[tuple[Media, str]]:
    parts = (part for message in messages for part in message.parts)
    found = [(p, p.uri) for p in parts if isinstance(p, Media) and p.modality == "image" and p.uri]
    first = {uri: (part, uri) for part, uri in reversed(found) if uri.startswith("data:image/")}
    return list(first.values())[::-1]


def _why_whole(uri: str) -> str | None:
    try:
        images.size_of(uri)
    except images.ImageUnreadable as error:
        return str(error)
    return None


def _message(title: str, uri: str) -> Message:
    width, height = images.size_of(uri)
    names = _HALVES[:2] if width >= height else _HALVES[2:]
    every = range(1, images.SIDE + 1)
    rows = ("  ".join(f"{r},{c} {half}" for c in every for half in names) for r in every)
    return Message(role=CELLS, content="\n".join([title, *rows]), extra={"image": _id(uri)})


@lru_cache(maxsize=8)
def _id(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()


def images_of(messages: Sequence[Message]) -> list[str | None]:
    """Return for each message the data of the image whose cells it holds, if it is one of cells."""
    by_id = {_id(uri): uri for _, uri in _inline(messages)}
    return [by_id.get(str(m.extra.get("image"))) if m.role == CELLS else None for m in messages]


def as_sent(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return the messages as they are sent: without those of cells, the images covered where cells
    were removed."""
    cells = [message for message in messages if message.role == CELLS]
    gone = {str(m.extra.get("image")): _removed(m.content) for m in cells}
    rest = tuple(message for message in messages if message.role != CELLS)
    return tuple(_covered(message, gone) for message in rest) if any(gone.values()) else rest


def _removed(text: str) -> tuple[int, ...]:
    left = {half for place in places(text) for half in place.halves}
    return tuple(k for k in range(2 * images.SIDE**2) if k not in left)


def _covered(message: Message, gone: dict[str, tuple[int, ...]]) -> Message:
    if not message.parts:
        return message
    parts = tuple(
        part.model_copy(update={"uri": images.covered(part.uri, halves), "media_type": None})
        if isinstance(part, Media) and part.uri and (halves := gone.get(_id(part.uri)))
        else part
        for part in message.parts
    )
    return Message(role=message.role, parts=parts, extra=message.extra)


class CellPlace(NamedTuple):
    """A cell, or one `half` of it, at characters `[start, end)` of a text."""

    start: int
    end: int
    row: int
    column: int
    half: str = ""

    @property
    def halves(self) -> list[int]:
        """The numbers of its halves."""
        first = 2 * (images.SIDE * (self.row - 1) + self.column - 1)
        return [first, first + 1] if not self.half else [first + _HALVES.index(self.half) % 2]

    def __str__(self) -> str:
        cell = f"row {self.row}, column {self.column}"
        return f"the {self.half} half of {cell}" if self.half else cell


def places(text: str) -> list[CellPlace]:
    """Return the halves of cells in a text."""
    found = _HALF.finditer(text)
    return [CellPlace(*m.span(), int(m[1]), int(m[2]), m[3]) for m in found]


def joined(halves: Sequence[CellPlace]) -> list[CellPlace]:
    """Return halves, and the cells of which both are among them."""
    found: list[CellPlace] = []
    for half in halves:
        if found and found[-1].half and found[-1][2:4] == half[2:4]:
            half = CellPlace(found.pop().start, half.end, half.row, half.column)
        found.append(half)
    return found


class CellName(NamedTuple):
    """The name of one or several cells of an image, as that of a tool."""

    tool: str
    image: str

    @property
    def brief(self) -> str:
        """The name in a column."""
        return self.tool or self.image

    def __str__(self) -> str:
        if "half" in self.tool and self.image.startswith("image"):  # the only one
            return self.tool
        return f"{self.tool} of the {self.image}" if self.tool else f"the {self.image}"


def cell_name(text: str, cells: Message) -> CellName | None:
    """Return the name of a part of a message of cells: `row 2, column 3 of the image (png, 12
    kB)`."""
    found = joined(places(text))
    if not found:
        return None
    image = cells.content.partition("\n")[0]
    if len(found) == images.SIDE**2:
        return CellName("", image)
    first, last = found[0], found[-1]
    return CellName(str(first) if first == last else f"{first} to {last}", image)
