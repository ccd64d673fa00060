"""The heatmap as self-contained SVG for a light or dark page.

Trackers show SVG as images, without tooltips: so each significant segment has its value above it,
and its sign in the underline. An image does not learn the page's colour scheme:
`prefers-color-scheme` gives the system's if the page sets no `color-scheme`, as MLflow's light
page. So it has a background of its own, on which every text is legible, whatever page it is on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Literal

from smile_trace._text.titles import by_words
from smile_trace.records import Explanation
from smile_trace.render.compact import Room, compacted
from smile_trace.render.headline import by_clauses, headline
from smile_trace.render.heatmap_layout import Heatmap, heatmap
from smile_trace.render.html import filled
from smile_trace.render.pieces import Block, Fold, Piece
from smile_trace.render.text import short, value_of
from smile_trace.render.typeset import Chunk, width_of, wrap

MARGIN, BRIEF_MARGIN, PADDING = 20.0, 6.0, 14.0
TEXT, SMALL, TINY = 15.0, 12.0, 10.0
BOLD = 1.08
VALUED_LINE, LINE, SMALL_LINE = 36.0, 21.0, 17.0
"""Line heights: with values above the words, without, and of small print."""
FIRST_VALUED_LINE, TIGHT_VALUED_LINE = 30.0, 34.0
"""With values in a brief picture: below the role, below other lines."""
LEGEND_HEIGHT = 27.0
GAP = "\u22ef"
"""The sign of what is folded."""
LONGEST_LABEL = 160
"""Characters of a fold's label."""
HEADLINE_LINES = 3
"""Most lines of a brief picture's headline."""
CORNER = 44
"""The width at the right of a brief picture's headline that Phoenix covers with a button."""
AROUND_MARKED = 40
"""Characters on each side of what is marked in a long answer."""

_RGB = tuple[int, int, int]
_COLOURS: dict[str, tuple[_RGB, _RGB]] = {
    "supports": ((201, 215, 236), (84, 150, 245)),
    "opposes": ((238, 216, 194), (240, 146, 58)),
}
"""The colours of strength 0 and 1; dark ink has a contrast of at least 6 to each."""

_MARKED = ("open", "paired", "protected", "explained", "moved", "edge", "culprit")

Look = Literal["text", "answer", "target", "summary", "small", "role", "fold"]


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
    """Draw the explanation as one SVG document, `width` pixels wide and as high as needed. Raises
    ValueError if the width is below 240."""
    return _draw(_page(heatmap(explanation), width))


def brief_svg(explanation: Explanation, *, width: int = 600, height: int = 500) -> str:
    """Draw the explanation at most `height` pixels high, as trackers show it: what is certain with
    the sentences around it, in the prompt's order; the rest is folded (see `compact`). The
    strongest part is drawn in any case. Raises ValueError if the width is below 240."""
    inner = width - 2 * BRIEF_MARGIN - CORNER
    said = headline(explanation, lambda text: len(_lines(text, TEXT, inner)) <= HEADLINE_LINES)
    page = partial(_page, width=width, said=said)
    picture, room = compacted(
        heatmap(explanation), lambda some, room: page(some, room=room).height <= height
    )
    return _draw(page(picture, room=room))


def _page(picture: Heatmap, width: int, *, said: str = "", room: Room | None = None) -> "_Page":
    page = _Page(picture, width, said or picture.summary, room)
    page.heading()
    page.messages()
    page.answer()
    page.legend()
    if room is None:
        page.facts()
    return page


def _lines(text: str, size: float, width: float) -> list[list[Chunk[None]]]:
    return list(wrap([(text, None)], size=size, width=width))


def _draw(page: "_Page") -> str:
    return filled("heatmap.svg.j2", page=page, picture=page.picture, tiny=TINY, fill=_fill)


def _fill(kind: str, strength: float) -> str:
    weak, strong = _COLOURS[kind]
    mixed = (round(a + (b - a) * strength) for a, b in zip(weak, strong, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


class _Page:
    """Lays out one block below the other and keeps all positions. With a `room`, in little space:
    heading and answer are shortened, and what is folded is counted beside the role."""

    def __init__(self, picture: Heatmap, width: int, said: str, room: Room | None) -> None:
        if width < 240:
            raise ValueError("an SVG heatmap needs a width of at least 240")
        self.picture = picture
        self.width = float(width)
        self.said = said
        self.room = room
        self.margin = MARGIN if room is None else BRIEF_MARGIN
        self.words: list[Word] = []
        self.boxes: list[Box] = []
        self.legend_y = -1.0
        self._valued: set[int] = set()
        self.y = self.margin

    @property
    def height(self) -> float:
        return self.y + (self.margin - 6 if self.room is None else 5.0)

    def heading(self) -> None:
        verdict = self.picture.verdict
        if self.room is not None:
            verdict = by_clauses(verdict, self.room.verdict)
        corner = 0 if self.room is None else CORNER
        if self.picture.target:
            self._paragraph(self.picture.target, "target", SMALL, SMALL_LINE, corner)
        self._paragraph(self.said, "summary", TEXT, LINE, corner)
        self._paragraph(verdict, "small", SMALL, SMALL_LINE)
        self.y += 10 if self.room is None else 7

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
        if self.room is not None:
            said = tuple(_shortened(said, self.room.answer))
        self._message(Block(self.picture.answer_role, said), "answer")

    def legend(self) -> None:
        self.y += 10 if self.room is None else 4
        self.legend_y = self.y
        self.y += LEGEND_HEIGHT
        self._paragraph(self.picture.key(brief=self.room is not None), "small", SMALL, SMALL_LINE)

    def facts(self) -> None:
        self._paragraph(" · ".join(self.picture.facts), "small", SMALL, SMALL_LINE)

    def _paragraph(
        self, text: str, look: Look, size: float, height: float, free: float = 0
    ) -> None:
        """Set a text, with so much left free at the right."""
        runs: list[tuple[str, Piece | None]] = [(text, None)]
        for line in wrap(runs, size=size, width=self.width - 2 * self.margin - free):
            self.y += height
            self._set(line, self.margin, look, size)

    def _message(self, block: Block, look: Look) -> None:
        top = self.y
        left = self.margin + PADDING
        inner = self.width - 2 * left
        self.y += 19 if self.room is None else 16
        parts = self._role(block, left, inner)
        first = VALUED_LINE if self.room is None else FIRST_VALUED_LINE
        for run in _runs(parts):
            if isinstance(run, Fold):
                self._fold(run, left, inner)
                continue
            for line in wrap(_styled(run), size=TEXT, width=inner):
                marked = any(chunk.style and chunk.style.strength for chunk in line)
                self.y += first if marked else LINE
                first = VALUED_LINE if self.room is None else TIGHT_VALUED_LINE
                self._set(line, left, look, TEXT)
        self.y += PADDING if self.room is None else 9
        self.boxes.append(Box(top, self.y - top, filled=look == "text"))
        self.y += 8 if self.room is None else 5

    def _role(self, block: Block, left: float, inner: float) -> tuple[Piece | Fold, ...]:
        """Set the role; in little space also the value of the whole message and what is folded, of
        which only a sign is left in the returned text."""
        size = TINY + 1
        width = width_of(block.role, size)
        self.words.append(Word(left, self.y, width, block.role, "role", size))
        if self.room is None:
            return block.parts
        x = left + width + 8
        if block.whole is not None and (value := _value(block.whole)):
            width = width_of(value, size) * BOLD
            self.words.append(Word(x, self.y, width, value, "role", size, block.whole))
            x += width + 8
        folds = [part for part in block.parts if isinstance(part, Fold)]
        if folds:
            label = short(f"{GAP} {_joined(folds).label}", LONGEST_LABEL)
            width = width_of(label, size)
            if x + width > left + inner:
                x, width = left, min(width, inner)
                self.y += SMALL_LINE - 3
            self.words.append(Word(x, self.y, width, label, "fold", size))
        gap = Piece(f" {GAP} ", "plain")
        return tuple(gap if isinstance(part, Fold) else part for part in block.parts)

    def _collapsed(self, blocks: Sequence[Block]) -> None:
        roles = list(dict.fromkeys(block.role for block in blocks))
        who = f"{len(blocks):,} messages" if len(blocks) > 2 else ", ".join(roles)
        folds = [part for block in blocks for part in block.parts if isinstance(part, Fold)]
        fold = _joined(folds)
        if self.room is not None and all(piece.segment is None for piece in fold.pieces):
            return
        self._fold(fold, self.margin, self.width - 2 * self.margin, f"{who}: ")
        self.y += 12 if self.room is None else 7

    def _fold(self, fold: Fold, left: float, inner: float, who: str = "") -> None:
        self.y += LINE if self.room is None else SMALL_LINE - 3
        label = short(f"{GAP} {who}{fold.label} {GAP}", LONGEST_LABEL)
        width = min(width_of(label, SMALL), inner)
        x = left + (inner - width) / 2
        self.words.append(Word(x, self.y, width, label, "fold", SMALL))

    def _set(
        self, line: Sequence[Chunk[Piece | None]], left: float, look: Look, size: float
    ) -> None:
        words = [
            Word(left + c.x, self.y, c.width, c.text, look, size, c.style, c.right_to_left)
            for c in line
            if c.text.strip() or (c.style is not None and c.style.ground_strength)
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
            coloured = piece.ground_strength > 0 or piece.strength > 0
            drawn = coloured or piece.kind in _MARKED or piece.culprit is not None
            yield piece.text, piece if drawn else None


def _value(whole: Piece) -> str:
    """Return the value of a passage from its marker; empty if it has no certain effect."""
    if whole.segment is None or whole.sign not in ("supports", "opposes"):
        return ""
    return value_of(whole.segment) if whole.segment.significant else "fails"


def _joined(folds: Sequence[Fold]) -> Fold:
    pieces = tuple(piece for fold in folds for piece in fold.pieces)
    return Fold(pieces, frozenset().union(*(fold.shown for fold in folds)))


def _shortened(answer: Sequence[Piece], room: int) -> Iterator[Piece]:
    """Yield the answer in `room` characters, with what is marked in it, or else its beginning."""
    marked = any(piece.kind != "plain" for piece in answer)
    for number, piece in enumerate(answer):
        text = piece.text
        if piece.kind == "plain" and marked and len(text) > 2 * AROUND_MARKED:
            head = text[:AROUND_MARKED] if number else ""
            tail = text[-AROUND_MARKED:] if number + 1 < len(answer) else ""
            text = f"{head} … {tail}"
        if len(text) > room:
            yield replace(piece, text=by_words(text, max(room, 2)))
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
