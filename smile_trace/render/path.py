"""An explanation path: a page with its tree and every step's heatmap, a tree in the terminal, and
the tree as SVG with the colours of the heatmaps (see `svg`)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from smile_trace._text.lists import listed
from smile_trace._text.titles import both_ends
from smile_trace.records import SegmentAttribution
from smile_trace.records.formats.answers import read_tool_calls
from smile_trace.records.path import ExplanationPath, PathStep, Source
from smile_trace.records.tool_results import named_by_tool
from smile_trace.render.facts import STATUS_WORDS
from smile_trace.render.html import filled, to_html
from smile_trace.render.phrases import telling_name
from smile_trace.render.svg import SMALL, TEXT
from smile_trace.render.text import short, signed
from smile_trace.render.typeset import wrap

_MAX_DRIVERS, _MAX_ENDS = 3, 3
"""The most drivers of a source, and ends of a path, that are shown; the rest is counted."""


@dataclass(frozen=True)
class Node:
    """A step in the tree; `branches` are its sources, each with the steps that follow. `above`: the
    step is already further up in the tree, and so has no branches here."""

    number: int
    step: PathStep
    branches: "tuple[Branch, ...]" = ()
    above: bool = False

    @property
    def answer(self) -> str:
        """The answer on one line; tool calls as calls."""
        calls = read_tool_calls(self.step.explanation.answer)
        if calls is None:
            return short(self.step.explanation.answer) or "(empty answer)"
        return short(", ".join(map(str, calls)))

    @property
    def remark(self) -> str:
        """A remark: that the step is explained above, or how sure it is; else ""."""
        if self.above:
            return "explained above"
        tools_alone = bool(self.branches) and all(b.source.kind == "tool" for b in self.branches)
        shown = self.step.by_tool if tools_alone else None
        status = (shown or self.step.explanation).status
        return "" if status == "reliable" else STATUS_WORDS[status]

    @property
    def note(self) -> str:
        """The step's remarks on one line, if its branches are here; else ""."""
        return "" if self.above else short(self.step.remarks, 300)


@dataclass(frozen=True)
class Branch:
    """A source of a step, and what follows."""

    step: PathStep
    source: Source
    node: Node | None

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The drivers on one line each, with their attributions; "" for what is open."""
        shown = self.source.drivers[:_MAX_DRIVERS]
        certain = self.source.open is None  # the place says what is open
        return [
            (short(self._named(driver)), signed(driver.attribution) if certain else "")
            for driver in shown
        ]

    def _named(self, driver: SegmentAttribution) -> str:
        result = named_by_tool(driver, self.step.explanation.messages)
        return both_ends(driver.name) if result is None else str(result)

    @property
    def more(self) -> int:
        """The number of drivers that are not shown."""
        return max(len(self.source.drivers) - _MAX_DRIVERS, 0)


def tree(path: ExplanationPath) -> Node:
    """Return the path as a tree; a step that several sources lead to has its branches once."""
    return _node(path, 0, set())


def path_to_html(
    path: ExplanationPath, *, fragment: bool = False, title: str = "Where did this come from?"
) -> str:
    """Return the path as a page, or as a fragment with its own scoped styles: the tree, and below
    it the heatmap of every step."""
    return filled(
        "path.html.j2",
        fragment=fragment,
        title=short(title, 200),
        path=path,
        root=tree(path),
        heatmaps=[
            to_html(step.explanation, fragment=True, title=f"{number}. {step.title}")
            for number, step in enumerate(path.steps, 1)
        ],
        facts=_facts(path),
    )


def path_ends(path: ExplanationPath) -> str:
    """Return the path's ends for a column of a list, which shows some twenty characters: `Friday
    from get_order and 4711 from user`. The tools' results in the final answer come first; a tool
    that was offered is an end where nothing else is."""
    followed = {
        number for number, step in enumerate(path.steps) if any(map(_is_data, step.sources))
    }
    found = [
        (step, source)
        for number, step in enumerate(path.steps)
        for source in step.sources
        if _is_data(source)
        if source.step not in followed or (number == 0 and source.kind == "tool_result")
    ]
    found.sort(key=lambda end: end[1].kind != "tool_result")
    ends = list(dict.fromkeys(_end(step, source) for step, source in found))
    if not found:
        ends = list(dict.fromkeys(short(s.name) for _, s in path.ends if s.open is None))
    more = len(ends) - _MAX_ENDS
    said = listed([*ends[:_MAX_ENDS], *([f"{more} more"] if more > 0 else [])]) or "(none)"
    return said + " (results protected)" * any(step.keeps_results for step in path.steps)


def _is_data(source: Source) -> bool:
    return source.kind != "tool" and source.open is None


def _end(step: PathStep, source: Source) -> str:
    driver = source.drivers[0]
    if (result := named_by_tool(driver, step.explanation.messages)) is not None:
        return short(result.brief)
    if source.kind == "document" and driver.unit == "document":
        return short(source.name)
    return f"{telling_name(driver, step.explanation)} from {short(source.name, 60)}"


_Run = tuple[str, str]

_STYLES = {
    "step": "bold",
    "said": "",
    "driver": "underline",
    "value": "bold",
    "where": "dim",
    "note": "dim italic",
    "doubt": "yellow",
}
"""The terminal's style for each look; the SVG has a class for each."""


@dataclass(frozen=True)
class _Row:
    """A line of the tree: its level, and whether it hangs from the line above or continues it."""

    level: int
    runs: tuple[_Run, ...]
    hangs: bool = True


def _rows(node: Node, level: int = 0) -> Iterator[_Row]:
    title = f"{node.number + 1}. {short(node.step.title)}"
    doubt = [(f"  ({node.remark})", "note" if node.above else "doubt")] if node.remark else []
    yield _Row(level, ((title, "step"), ("  " + node.answer, "said"), *doubt))
    if node.note:
        yield _Row(level, ((node.note, "note"),), hangs=False)
    for branch in node.branches:
        yield _Row(level + 1, tuple(_source(branch)))
        if branch.node is not None:
            yield from _rows(branch.node, level + 2)
        elif branch.source.not_followed:
            yield _Row(level + 2, ((short(branch.source.not_followed, 300), "note"),))


def _source(branch: Branch) -> Iterator[_Run]:
    for number, (driver, value) in enumerate(branch.texts):
        if number:
            yield ", ", "where"
        yield driver, "driver"
        if value:
            yield f" {value}", "value"
    if branch.more:
        yield f" and {branch.more} more", "where"
    yield f"  {short(branch.source.where)}", "where"


def print_path(path: ExplanationPath, console: Console | None = None) -> None:
    """Print the summary and the tree: what each answer depends on, and where that comes from."""
    console = console or Console()
    console.print(Text(short(path.summary, 2000)))
    first, *rows = _rows(tree(path))
    above = [Tree(_styled(first), guide_style="dim")]
    for row in rows:
        text = _styled(row)
        if row.hangs:
            del above[row.level :]
            above.append(above[-1].add(text))
        elif isinstance(label := above[-1].label, Text):
            label.append("\n").append_text(text)
    console.print(Padding(above[0], (1, 0)))
    console.print(Text(_facts(path), style="dim"))


def _styled(row: _Row) -> Text:
    return Text.assemble(*((text, _STYLES[look]) for text, look in row.runs))


def _node(path: ExplanationPath, number: int, seen: set[int]) -> Node:
    step = path.steps[number]
    if number in seen:
        return Node(number, step, above=True)
    seen.add(number)
    branches = (
        Branch(step, source, None if source.step is None else _node(path, source.step, seen))
        for source in step.sources
    )
    return Node(number, step, tuple(branches))


def _facts(path: ExplanationPath) -> str:
    steps, calls = len(path.steps), path.cost.target_calls
    return (
        f"{steps} {'answer' if steps == 1 else 'answers'} explained · {calls:,} of "
        f"{path.budget:,} calls"
    )


INDENT, LINE, MARGIN = 26.0, 23.0, 2.0
DEEPEST = 10
"""Levels of indentation; deeper rows stand below."""
_BOLD_WIDTH = 1.08


@dataclass(frozen=True)
class _Placed:
    x: float
    y: float
    width: float
    text: str
    look: str
    size: float
    right_to_left: bool = False


@dataclass(frozen=True)
class _Elbow:
    x: float
    top: float
    bottom: float
    right: float


def path_to_svg(path: ExplanationPath, *, width: int = 700) -> str:
    """Draw the tree of a path as one SVG document, `width` pixels wide and as high as needed.
    Raises ValueError if the width is below 480."""
    if width < 480:
        raise ValueError("the SVG of a path needs a width of at least 480")
    texts, elbows, y = _set(_rows(tree(path)), float(width))
    return filled(
        "path.svg.j2",
        summary=short(path.summary, 2000),
        width=width,
        height=y + 9,
        texts=texts,
        elbows=elbows,
    )


def _set(rows: Iterable[_Row], width: float) -> tuple[list[_Placed], list[_Elbow], float]:
    texts: list[_Placed] = []
    elbows: list[_Elbow] = []
    last: dict[int, float] = {}  # per level, the baseline of the row that others hang from
    y = 0.0
    for row in rows:
        level = min(row.level, DEEPEST)
        left = MARGIN + INDENT * level
        size = SMALL if row.runs[0][1] == "note" else TEXT
        first = y + LINE
        for line in wrap(row.runs, size=size * _BOLD_WIDTH, width=width - left - MARGIN):
            y += LINE
            texts += [
                _Placed(left + c.x, y, c.width, c.text, c.style, size, c.right_to_left)
                for c in line
                if c.text.strip()
            ]
        if row.hangs and level - 1 in last:
            x = left - INDENT + 7
            elbows.append(_Elbow(x, last[level - 1] + 7, first - 5, left - 5))
        last[level] = y
    return texts, elbows, y
