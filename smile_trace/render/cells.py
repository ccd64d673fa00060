"""An image with its cells over it, for pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smile_trace._guards import images
from smile_trace.records import Message
from smile_trace.records.formats.cells import images_of, joined, places
from smile_trace.render.pieces import OPENS, Block, Piece, describe
from smile_trace.render.text import visible

LARGEST = 100_000
"""Characters of an image that a page holds as it is; a larger one is made smaller."""
SIDE = 640
"""Pixels on a side of one that was made smaller."""


@dataclass(frozen=True)
class Cell:
    """A cell or its half: its place in per cent of the image, and what is known of it."""

    left: float
    top: float
    width: float
    height: float
    name: str
    piece: Piece
    value: str

    @property
    def hint(self) -> str:
        """What is known of it."""
        if self.piece.segment is None:
            return self.name
        told = describe(self.piece.segment, self.piece.told, self.piece.subject)
        return f"{self.name}: {told}"


@dataclass(frozen=True)
class CellPicture:
    """An image that a page may hold, and its cells."""

    uri: str
    title: str
    cells: tuple[Cell, ...]


def cell_pictures(messages: Sequence[Message], blocks: Sequence[Block]) -> list[CellPicture | None]:
    """Return the image of each block of cells; None for other blocks, and where an image cannot be
    shown."""
    return [
        None if (uri := _shown(image)) is None else _picture(message, uri, block)
        for message, block, image in zip(messages, blocks, images_of(messages), strict=True)
    ]


def _shown(uri: str | None) -> str | None:
    if not images.is_inline(uri) or uri is None:
        return None
    try:
        return uri if len(uri) <= LARGEST else images.smaller(uri, SIDE)
    except images.ImageUnreadable:
        return None


def _picture(message: Message, uri: str, block: Block) -> CellPicture:
    cells = [cell for piece in block.pieces for cell in _cells(piece, "top" in message.content)]
    return CellPicture(uri, visible(message.content.partition("\n")[0]), tuple(cells))


def _cells(piece: Piece, tall: bool) -> Iterator[Cell]:
    opens = piece.kind == "edge" and piece.text.startswith(OPENS)
    if piece.segment is None or (piece.kind == "edge" and not opens):
        return
    value = piece.value
    for place in joined(places(piece.segment.text if opens else piece.text)):
        size = 100 / images.SIDE
        left, top, width, height = size * (place.column - 1), size * (place.row - 1), size, size
        if place.half and tall:
            height /= 2
            top += height * (place.half == "bottom")
        elif place.half:
            width /= 2
            left += width * (place.half == "right")
        yield Cell(left, top, width, height, str(place), piece, value)
        value = ""
