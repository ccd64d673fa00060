"""The tree of a path as self-contained SVG, with the colours of the heatmaps (see `svg`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smile_trace.records.path import ExplanationPath
from smile_trace.render.html import TEMPLATES
from smile_trace.render.path import Branch, Node, tree
from smile_trace.render.svg import SMALL, TEXT
from smile_trace.render.text import short
from smile_trace.render.typeset import wrap

INDENT, LINE, MARGIN = 26.0, 23.0, 2.0
DEEPEST = 10
"""Levels of indentation; what is deeper stands below."""
_BOLD = 1.08

Run = tuple[str, str]
"""A text and its look: `step`, `said`, `driver`, `value`, `where` or `note`."""


@dataclass(frozen=True)
class Row:
    """A line of the tree before it is set: at which level, and whether it hangs from the one
    above."""

    level: int
    runs: tuple[Run, ...]
    hangs: bool = True


@dataclass(frozen=True)
class Text:
    """A text on a baseline."""

    x: float
    y: float
    width: float
    text: str
    look: str
    size: float
    right_to_left: bool = False


@dataclass(frozen=True)
class Elbow:
    """The line from a row down to one that hangs from it."""

    x: float
    top: float
    bottom: float
    right: float


def path_to_svg(path: ExplanationPath, *, width: int = 700) -> str:
    """The tree of a path as one SVG document, `width` pixels wide and as high as needed.

    Raises:
        ValueError: the width is below 480.
    """
    if width < 480:
        raise ValueError("the SVG of a path needs a width of at least 480")
    texts, elbows, y = _set(list(_rows(tree(path), 0)), float(width))
    return TEMPLATES.get_template("path.svg.j2").render(
        summary=short(path.summary, 2000), width=width, height=y + 9, texts=texts, elbows=elbows
    )


def _rows(node: Node, level: int) -> Iterator[Row]:
    title: list[Run] = [(f"{node.number + 1}. {short(node.step.title)}", "step")]
    yield Row(level, (*title, ("  " + node.answer, "said"), *_remark(node)), hangs=level > 0)
    if node.note:
        yield Row(level, ((node.note, "note"),), hangs=False)
    for branch in node.branches:
        yield Row(level + 1, tuple(_source(branch)))
        if branch.node is not None:
            yield from _rows(branch.node, level + 2)
        elif branch.source.not_followed:
            yield Row(level + 2, ((short(branch.source.not_followed, 300), "note"),))


def _remark(node: Node) -> list[Run]:
    if remark := node.remark:
        return [(f"  ({remark})", "note")]
    return []


def _source(branch: Branch) -> Iterator[Run]:
    for number, (driver, value) in enumerate(branch.texts):
        if number:
            yield ", ", "where"
        yield driver, "driver"
        yield f" {value}", "value"
    if branch.more:
        yield f" and {branch.more} more", "where"
    yield f"  {short(branch.source.where)}", "where"


def _set(rows: Sequence[Row], width: float) -> tuple[list[Text], list[Elbow], float]:
    texts: list[Text] = []
    elbows: list[Elbow] = []
    last: dict[int, float] = {}  # per level, the baseline of the row that others hang from
    y = 0.0
    for row in rows:
        level = min(row.level, DEEPEST)
        left = MARGIN + INDENT * level
        size = SMALL if row.runs[0][1] == "note" else TEXT
        first = y + LINE
        for line in wrap(row.runs, size=size * _BOLD, width=width - left - MARGIN):
            y += LINE
            texts += [
                Text(left + c.x, y, c.width, c.text, c.style, size, c.right_to_left)
                for c in line
                if c.text.strip()
            ]
        if row.hangs and level - 1 in last:
            x = left - INDENT + 7
            elbows.append(Elbow(x, last[level - 1] + 7, first - 5, left - 5))
        last[level] = y
    return texts, elbows, y
