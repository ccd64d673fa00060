"""The heatmap as SVG: one picture that needs nothing around it, in light and dark.

Trackers show it as an image, where hovering shows nothing: so each significant segment carries
its value, and its sign shows in the underline too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from smile_trace.records import Explanation
from smile_trace.render.heatmap import Block, Fold, Heatmap, Piece, heatmap, strength
from smile_trace.render.html import LEGEND_STOPS, TEMPLATES
from smile_trace.render.typeset import Chunk, width_of, wrap

MARGIN, PADDING = 20.0, 14.0
TEXT, SMALL, TINY = 15.0, 12.0, 10.0
"""Font sizes in user units (pixels at the natural size)."""
MARKED, CLOSE = 36.0, 21.0
"""Line heights: with room for the values above the words, and without."""

Look = Literal["text", "answer", "summary", "small", "role", "fold", "status"]


@dataclass(frozen=True)
class Word:
    """Text at a place; `piece` where it is coloured."""

    x: float
    y: float
    width: float
    text: str
    look: Look
    size: float
    piece: Piece | None = None


@dataclass(frozen=True)
class Box:
    """The frame around a message."""

    y: float
    height: float
    filled: bool


def to_svg(explanation: Explanation, *, width: int = 760) -> str:
    """The heatmap as an SVG document of the given width in pixels; the height follows.

    Raises:
        ValueError: the width is below 240.
    """
    if width < 240:
        raise ValueError("an SVG heatmap needs a width of at least 240")
    page = _Page(heatmap(explanation), float(width))
    return TEMPLATES.get_template("heatmap.svg.j2").render(
        page=page,
        picture=page.picture,
        margin=MARGIN,
        tiny=TINY,
        stops=LEGEND_STOPS,
        strength=strength,
        status_width=width_of(page.picture.status_words, SMALL),
    )


class _Page:
    """Sets one block under the other and remembers where everything stands."""

    def __init__(self, picture: Heatmap, width: float) -> None:
        self.picture = picture
        self.width = width
        self.words: list[Word] = []
        self.boxes: list[Box] = []
        self.y = MARGIN
        self._paragraph(picture.summary, "summary", TEXT, CLOSE)
        verdict = (
            f"{picture.status_words}: {picture.reason}" if picture.reason else picture.status_words
        )
        self._paragraph(verdict, "small", SMALL, 17.0)
        self.y += 10
        for block in picture.blocks:
            self._message(block)
        self._message(Block("answer", (Piece(picture.answer or "(empty)", "plain"),)), answer=True)
        self.y += 12
        self.legend_y = self.y
        self.y += 40
        self._paragraph(self._note(), "small", SMALL, 17.0)
        self._paragraph(" · ".join(picture.facts), "small", SMALL, 17.0)
        self.height = self.y + MARGIN - 6

    def _note(self) -> str:
        frozen = (
            " Dotted underline: frozen, never left out." if "frozen" in self.picture.kinds else ""
        )
        return f"Grey text is within the noise (hatched: ±{self.picture.noise_floor:.2f}).{frozen}"

    def _paragraph(self, text: str, look: Look, size: float, height: float) -> None:
        for line in wrap([(text, None)], size=size, width=self.width - 2 * MARGIN):
            self.y += height
            for chunk in line:
                self._put(chunk, MARGIN, look, size)

    def _message(self, block: Block, *, answer: bool = False) -> None:
        top = self.y
        self.y += 20
        inner = self.width - 2 * (MARGIN + PADDING)
        self.words.append(
            Word(
                MARGIN + PADDING,
                self.y,
                width_of(block.role, TINY + 1),
                block.role,
                "role",
                TINY + 1,
            )
        )
        for part in _stretches(block.parts):
            if isinstance(part, Fold):
                self.y += CLOSE
                x = MARGIN + PADDING + (inner - width_of(part.label, SMALL)) / 2
                self.words.append(
                    Word(x, self.y, width_of(part.label, SMALL), part.label, "fold", SMALL)
                )
                continue
            runs = [(p.text, p if p.strength or p.kind == "frozen" else None) for p in part]
            for line in wrap(runs, size=TEXT, width=inner):
                self.y += MARKED if any(c.style and c.style.strength for c in line) else CLOSE
                for chunk in line:
                    self._put(chunk, MARGIN + PADDING, "answer" if answer else "text", TEXT)
        self.y += PADDING
        self.boxes.append(Box(top, self.y - top, not answer))
        self.y += 8

    def _put(self, chunk: Chunk[Piece | None], x: float, look: Look, size: float) -> None:
        if chunk.text.strip():
            self.words.append(
                Word(x + chunk.x, self.y, chunk.width, chunk.text, look, size, chunk.style)
            )


def _stretches(parts: Sequence[Piece | Fold]) -> Iterator[list[Piece] | Fold]:
    """Folds, and the pieces between them as one stretch each."""
    stretch: list[Piece] = []
    for part in parts:
        if isinstance(part, Piece):
            stretch.append(part)
            continue
        yield stretch
        yield part
        stretch = []
    yield stretch
