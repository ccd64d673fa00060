"""The heatmap as self-contained SVG for a light or dark page.

Trackers show SVG as images, without tooltips: so each significant segment has its value above it,
and its sign in the underline. An image does not learn the page's colour scheme:
`prefers-color-scheme` gives the system's if the page sets no `color-scheme`, as MLflow's light
page. So there is no background, text and lines have a lightness between white and black, and
coloured words stand in dark ink on an opaque colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

from smile_trace.records import Explanation
from smile_trace.render.heatmap_layout import (
    LONGEST_ROLE,
    Block,
    Fold,
    Heatmap,
    Piece,
    heatmap,
)
from smile_trace.render.html import TEMPLATES
from smile_trace.render.text import short
from smile_trace.render.typeset import Chunk, width_of, wrap

MARGIN, PADDING = 20.0, 14.0
TEXT, SMALL, TINY = 15.0, 12.0, 10.0
BOLD = 1.08
VALUED_LINE, LINE, SMALL_LINE = 36.0, 21.0, 17.0
"""Line heights: with values above the words, without, and of small print."""
LEGEND_HEIGHT = 27.0
MAX_STRIPS = 12
"""The most strips: a picture that needs more is not divided."""

_RGB = tuple[int, int, int]
_COLOURS: dict[str, tuple[_RGB, _RGB]] = {
    "supports": ((201, 215, 236), (84, 150, 245)),
    "opposes": ((238, 216, 194), (240, 146, 58)),
}
"""The colours of strength 0 and 1; dark ink has a contrast of at least 6 to each."""

_MARKED = ("open", "protected", "explained", "moved", "edge")

Look = Literal["text", "answer", "summary", "small", "role", "fold"]


@dataclass(frozen=True)
class Word:
    """Text on a baseline; `piece` if it is coloured or marked, `value` if one is written above."""

    x: float
    y: float
    width: float
    text: str
    look: Look
    size: float
    piece: Piece | None = None
    right_to_left: bool = False
    value: str = ""
    value_x: float = 0.0


@dataclass(frozen=True)
class Box:
    """The frame around a message."""

    y: float
    height: float
    filled: bool


def to_svg(explanation: Explanation, *, width: int = 760) -> str:
    """Draw the explanation as one SVG document, `width` pixels wide and as high as needed.

    Raises:
        ValueError: the width is below 240.
    """
    page = _Page(heatmap(explanation), width, MARGIN)
    page.heading()
    page.messages()
    page.answer()
    page.legend()
    page.facts()
    return _draw(page, 0.0, page.y + MARGIN - 6)


def to_svg_strips(
    explanation: Explanation, *, width: int = 700, height: int = 200
) -> dict[str, str]:
    """Draw messages and legend in strips at most `height` pixels high, by name, from top to bottom:
    `heatmap`, or `heatmap 1 of 3`, …, and `scale` if the legend does not fit below.

    Viewers that scale a picture down to a height keep strips at their natural size. Text without
    effect is folded, and strips without any come last, which is why each is numbered. A single line
    may be higher. If more than `MAX_STRIPS` were needed, there is one.

    Raises:
        ValueError: the width is below 240.
    """
    page = _Page(heatmap(explanation, compact=True), width, 1.0)
    page.messages()
    edges = _balanced(page, height)
    if len(edges) - 1 > MAX_STRIPS:
        edges = [edges[0], edges[-1]]
    page.legend(answer=False)
    count, end = len(edges) - 1, page.y + 8
    fits = end - edges[-2] <= height
    if fits:
        edges[-1] = end
    names = [f"heatmap {i} of {count}" for i in range(1, count + 1)] if count > 1 else ["heatmap"]
    named = dict(zip(names, pairwise(edges), strict=True))
    ordered = sorted(named.items(), key=lambda item: not page.shows_effect(*item[1]))
    drawn = {name: _draw(page, *strip) for name, strip in ordered}
    return drawn if fits else drawn | {"scale": _draw(page, edges[-1], end)}


def _balanced(page: "_Page", height: int) -> list[float]:
    edges = _edges(page.cuts, page.seams, height)
    for lower in range(round(page.cuts[-1] / (len(edges) - 1)), height, 8):
        if len(tried := _edges(page.cuts, page.seams, lower)) == len(edges):
            return tried
    return edges


def _edges(cuts: Sequence[float], seams: Sequence[float], height: float) -> list[float]:
    """Divide between two messages if that fills half a strip, else between lines."""
    edges = [0.0]
    while edges[-1] < cuts[-1]:
        top = edges[-1]
        reach = [cut for cut in cuts if top < cut <= top + height]
        between = [seam for seam in seams if top + height / 2 <= seam <= top + height]
        if not reach:
            edges.append(min(cut for cut in cuts if cut > top))
        elif reach[-1] == cuts[-1] or not between:
            edges.append(reach[-1])
        else:
            edges.append(between[-1])
    return edges


def _draw(page: "_Page", top: float, bottom: float) -> str:
    return TEMPLATES.get_template("heatmap.svg.j2").render(
        page=page,
        picture=page.picture,
        top=top,
        height=bottom - top,
        words=[w for w in page.words if top < w.y <= bottom],
        boxes=[b for b in page.boxes if b.y < bottom and b.y + b.height > top],
        legend=page.legend_y if top <= page.legend_y < bottom else None,
        tiny=TINY,
        fill=_fill,
    )


def _fill(kind: str, strength: float) -> str:
    weak, strong = _COLOURS[kind]
    mixed = (round(a + (b - a) * strength) for a, b in zip(weak, strong, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


class _Page:
    """Lays out one block below the other and keeps all positions. `cuts` are the heights between
    two lines, `seams` those between two messages."""

    def __init__(self, picture: Heatmap, width: int, margin: float) -> None:
        if width < 240:
            raise ValueError("an SVG heatmap needs a width of at least 240")
        self.picture = picture
        self.width = float(width)
        self.margin = margin
        self.words: list[Word] = []
        self.boxes: list[Box] = []
        self.cuts: list[float] = []
        self.seams: list[float] = []
        self.legend_y = -1.0
        self._valued: set[int] = set()
        self.y = margin

    def shows_effect(self, top: float, bottom: float) -> bool:
        pieces = [word.piece for word in self.words if top < word.y <= bottom]
        return any(p is not None and (p.strength or p.ground_strength) for p in pieces)

    def heading(self) -> None:
        self._paragraph(self.picture.summary, "summary", TEXT, LINE)
        self._paragraph(self.picture.verdict, "small", SMALL, SMALL_LINE)
        self.y += 10

    def messages(self) -> None:
        """Add the prompt, one frame per message; collapsed neighbours share one."""
        for collapsed, blocks in groupby(self.picture.blocks, key=lambda block: block.collapsed):
            for block in [_joined(list(blocks))] if collapsed else blocks:
                self._message(block, "text")

    def answer(self) -> None:
        said = self.picture.answer or (Piece("(empty)", "plain"),)
        self._message(Block("answer", said), "answer")

    def legend(self, *, answer: bool = True) -> None:
        self.y += 10
        self.legend_y = self.y
        self.y += LEGEND_HEIGHT
        self._paragraph(self.picture.key(answer=answer), "small", SMALL, SMALL_LINE)

    def facts(self) -> None:
        self._paragraph(" · ".join(self.picture.facts), "small", SMALL, SMALL_LINE)

    def _paragraph(self, text: str, look: Look, size: float, height: float) -> None:
        runs: list[tuple[str, Piece | None]] = [(text, None)]
        for line in wrap(runs, size=size, width=self.width - 2 * self.margin):
            self.y += height
            self._set(line, self.margin, look, size)

    def _message(self, block: Block, look: Look) -> None:
        top = self.y
        left = self.margin + PADDING
        inner = self.width - 2 * left
        self.y += 19
        role = TINY + 1
        self.words.append(Word(left, self.y, width_of(block.role, role), block.role, "role", role))
        for run in _runs(block.parts):
            if isinstance(run, Fold):
                self._fold(run, left, inner)
                continue
            for line in wrap(_styled(run), size=TEXT, width=inner):
                marked = any(chunk.style and chunk.style.strength for chunk in line)
                self.y += VALUED_LINE if marked else LINE
                self._set(line, left, look, TEXT)
                self.cuts.append(self.y + 8)
        self.y += PADDING
        self.boxes.append(Box(top, self.y - top, filled=look == "text"))
        self.y += 8
        self.cuts[-1:] = [self.y - 4]
        self.seams.append(self.y - 4)

    def _fold(self, fold: Fold, left: float, inner: float) -> None:
        self.y += LINE
        label = f"⋯ {fold.label} ⋯"
        width = width_of(label, SMALL)
        x = left + max(inner - width, 0.0) / 2
        self.words.append(Word(x, self.y, width, label, "fold", SMALL))
        self.cuts.append(self.y + 8)

    def _set(
        self, line: Sequence[Chunk[Piece | None]], left: float, look: Look, size: float
    ) -> None:
        words = [
            Word(
                left + chunk.x,
                self.y,
                chunk.width,
                chunk.text,
                look,
                size,
                chunk.style,
                chunk.right_to_left,
            )
            for chunk in line
            if chunk.text.strip() or (chunk.style is not None and chunk.style.ground_strength)
        ]
        self.words += self._with_values(words)

    def _with_values(self, words: Sequence[Word]) -> list[Word]:
        """Place each piece's value once, above its first words. Values that would touch move apart;
        if that takes one too far from its word, the smaller one is omitted."""
        taken: list[tuple[float, float]] = []
        placed = list(words)
        for i in sorted(range(len(words)), key=lambda i: -_strength(words[i])):
            word, piece = words[i], words[i].piece
            if piece is None or not piece.strength or id(piece) in self._valued:
                continue
            self._valued.add(id(piece))
            half = width_of(piece.value, TINY) * BOLD / 2
            middle = word.x + word.width / 2
            beside = [low - half - 3 for low, _ in taken] + [high + half + 3 for _, high in taken]
            for at in sorted((middle, *beside), key=lambda at: abs(at - middle)):
                if abs(at - middle) > word.width / 2 + 4:
                    break
                if all(at + half < low or at - half > high for low, high in taken):
                    taken.append((at - half, at + half))
                    placed[i] = replace(word, value=piece.value, value_x=at)
                    break
        return placed


def _styled(pieces: Sequence[Piece]) -> Iterator[tuple[str, Piece | None]]:
    """Yield each piece's text with its look. Open neighbours and the space between them share one,
    so that a line of them is drawn as one."""
    kinds = ["", *(piece.kind for piece in pieces), ""]
    for before, piece, after in zip(kinds, pieces, kinds[2:], strict=False):
        between = before == after == "open" and piece.kind == "plain" and piece.text.isspace()
        if between or piece.kind == "open":
            yield piece.text, replace(piece, text="", kind="open", segment=None)
        else:
            yield piece.text, piece if _is_drawn(piece) else None


def _is_drawn(piece: Piece) -> bool:
    return piece.ground_strength > 0 or piece.strength > 0 or piece.kind in _MARKED


def _joined(blocks: Sequence[Block]) -> Block:
    roles = ", ".join(dict.fromkeys(block.role for block in blocks))
    pieces = tuple(piece for block in blocks for piece in block.pieces)
    return Block(short(roles, LONGEST_ROLE), (Fold(pieces),))


def _strength(word: Word) -> float:
    return 0.0 if word.piece is None else word.piece.strength


def _runs(parts: Sequence[Piece | Fold]) -> Iterator[list[Piece] | Fold]:
    run: list[Piece] = []
    for part in parts:
        if isinstance(part, Piece):
            run.append(part)
            continue
        if run:
            yield run
        yield part
        run = []
    if run or not parts:
        yield run
