"""The heatmap as self-contained SVG for a light or dark page.

Trackers show SVG as images, without tooltips: so each significant segment has its value above it,
and its sign in the underline. An image does not learn the page's colour scheme:
`prefers-color-scheme` gives the system's if the page sets no `color-scheme`, as MLflow's light
page. So there is no background, text and lines have a lightness between white and black, and
coloured words stand in dark ink on an opaque colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Literal

from smile_trace.records import Explanation
from smile_trace.render.compact import compacted
from smile_trace.render.heatmap_layout import Block, Fold, Heatmap, Piece, heatmap
from smile_trace.render.html import filled
from smile_trace.render.text import short
from smile_trace.render.typeset import Chunk, width_of, wrap

MARGIN, PADDING = 20.0, 14.0
TEXT, SMALL, TINY = 15.0, 12.0, 10.0
BOLD = 1.08
VALUED_LINE, LINE, SMALL_LINE = 36.0, 21.0, 17.0
"""Line heights: with values above the words, without, and of small print."""
LEGEND_HEIGHT = 27.0
LONGEST_SUMMARY, LONGEST_VERDICT, LONGEST_ANSWER, LONGEST_LABEL = 270, 240, 170, 160
"""Characters in a brief picture: of its heading and the answer; of a fold's label."""
AROUND_MARKED = 40
"""Characters on each side of what is marked in a long answer."""

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
    return _draw(_page(heatmap(explanation), width))


def brief_svg(explanation: Explanation, *, width: int = 600, height: int = 500) -> str:
    """Draw the explanation at most `height` pixels high, as trackers show it: what is certain with
    the sentences around it, in the prompt's order; the rest is folded (see `compact`). The
    strongest part is drawn in any case.

    Raises:
        ValueError: the width is below 240.
    """
    brief = partial(_page, width=width, brief=True)
    return _draw(brief(compacted(heatmap(explanation), lambda some: brief(some).height <= height)))


def _page(picture: Heatmap, width: int, *, brief: bool = False) -> "_Page":
    page = _Page(picture, width, 1.0 if brief else MARGIN, brief=brief)
    page.heading()
    page.messages()
    page.answer()
    page.legend()
    if not brief:
        page.facts()
    return page


def _draw(page: "_Page") -> str:
    return filled("heatmap.svg.j2", page=page, picture=page.picture, tiny=TINY, fill=_fill)


def _fill(kind: str, strength: float) -> str:
    weak, strong = _COLOURS[kind]
    mixed = (round(a + (b - a) * strength) for a, b in zip(weak, strong, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


class _Page:
    """Lays out one block below the other and keeps all positions. `brief`: heading and answer are
    shortened."""

    def __init__(self, picture: Heatmap, width: int, margin: float, *, brief: bool) -> None:
        if width < 240:
            raise ValueError("an SVG heatmap needs a width of at least 240")
        self.picture = picture
        self.width = float(width)
        self.margin = margin
        self.brief = brief
        self.words: list[Word] = []
        self.boxes: list[Box] = []
        self.legend_y = -1.0
        self._valued: set[int] = set()
        self.y = margin

    @property
    def height(self) -> float:
        return self.y + (8.0 if self.brief else self.margin - 6)

    def heading(self) -> None:
        summary, verdict = self.picture.summary, self.picture.verdict
        if self.brief:
            summary, verdict = short(summary, LONGEST_SUMMARY), short(verdict, LONGEST_VERDICT)
        self._paragraph(summary, "summary", TEXT, LINE)
        self._paragraph(verdict, "small", SMALL, SMALL_LINE)
        self.y += 10

    def messages(self) -> None:
        """Add the prompt, one frame per message; collapsed neighbours share one line."""
        for collapsed, blocks in groupby(self.picture.blocks, key=lambda block: block.collapsed):
            if collapsed:
                self._collapsed(list(blocks))
                continue
            for block in blocks:
                self._message(block, "text")

    def answer(self) -> None:
        said = self.picture.answer or (Piece("(empty)", "plain"),)
        if self.brief:
            said = tuple(_shortened(said))
        self._message(Block("answer", said), "answer")

    def legend(self) -> None:
        self.y += 4 if self.brief else 10
        self.legend_y = self.y
        self.y += LEGEND_HEIGHT
        self._paragraph(self.picture.key(brief=self.brief), "small", SMALL, SMALL_LINE)

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
        self.y += PADDING
        self.boxes.append(Box(top, self.y - top, filled=look == "text"))
        self.y += 8

    def _collapsed(self, blocks: Sequence[Block]) -> None:
        roles = list(dict.fromkeys(block.role for block in blocks))
        who = f"{len(blocks):,} messages" if len(blocks) > 2 else ", ".join(roles)
        folds = [part for block in blocks for part in block.parts if isinstance(part, Fold)]
        pieces = tuple(piece for fold in folds for piece in fold.pieces)
        shown = frozenset().union(*(fold.shown for fold in folds))
        self._fold(Fold(pieces, shown), self.margin, self.width - 2 * self.margin, f"{who}: ")
        self.y += 12

    def _fold(self, fold: Fold, left: float, inner: float, who: str = "") -> None:
        self.y += LINE
        label = short(f"⋯ {who}{fold.label} ⋯", LONGEST_LABEL)
        width = min(width_of(label, SMALL), inner)
        x = left + (inner - width) / 2
        self.words.append(Word(x, self.y, width, label, "fold", SMALL))

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


def _shortened(answer: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the answer on some two lines, with what is marked in it, or else its beginning."""
    marked = any(piece.kind != "plain" for piece in answer)
    room = LONGEST_ANSWER
    for number, piece in enumerate(answer):
        text = piece.text
        if piece.kind == "plain" and marked and len(text) > 2 * AROUND_MARKED:
            head = text[:AROUND_MARKED] if number else ""
            tail = text[-AROUND_MARKED:] if number + 1 < len(answer) else ""
            text = f"{head} … {tail}"
        if len(text) > room:
            yield replace(piece, text=text[:room].rstrip() + " …")
            return
        room -= len(text)
        yield replace(piece, text=text)


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
