"""Pages (self-contained, without script, light and dark): the heatmap, and the list of many
explanations; deletion and insertion curves as SVG."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from smile_trace.records import Explanation, Record
from smile_trace.records.base import view
from smile_trace.records.evaluation import Faithfulness, OrderCurves
from smile_trace.render import text
from smile_trace.render.cells import cell_pictures
from smile_trace.render.citations import HEAD, citation_rows
from smile_trace.render.facts import STATUS_WORDS
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.phrases import question
from smile_trace.render.pieces import describe, strength
from smile_trace.render.scores import rows
from smile_trace.render.text import short

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_TITLE = 200
LEGEND_STOPS = tuple(round(-1 + i / 10, 1) for i in range(21))
"""Attributions at which the legend's gradient has the colours of the scale."""


@cache
def templates(package: str = "smile_trace.render") -> "Environment":
    """The templates of a package; they escape every text. Loads jinja2, which no terminal needs."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    functions = (text.noun, text.short, text.signed, text.visible, describe, strength)
    found.globals |= {one.__name__: one for one in functions}
    found.globals |= {"text": text, "stops": LEGEND_STOPS}
    return found


def filled(template: str, **values: Any) -> str:
    """A template of this package, filled in."""
    return templates().get_template(template).render(**values)


def to_html(explanation: Explanation, *, fragment: bool = False, title: str | None = None) -> str:
    """Return the heatmap as a page, or as a `<div>` with its own scoped styles."""
    picture = heatmap(explanation)
    return filled(
        "heatmap.html.j2",
        fragment=fragment,
        title=short(title or question(explanation), LONGEST_TITLE),
        picture=picture,
        images=cell_pictures(explanation.messages, picture.blocks),
        rows=rows(explanation),
        citations=citation_rows(explanation),
        citations_head=HEAD,
        finer=bool(explanation.coarser),
        level=explanation.fidelity.interval_level,
    )


def show(record: Record) -> None:
    """Display the page of a record in the running notebook, or print it in the terminal."""
    if in_notebook():
        display = import_module("IPython.display")
        display.display(display.HTML(view(record, "html", fragment=True)))
    else:
        view(record, "terminal")


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which has rich output."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


MOST_ENTRIES = 1000


class Entry(Record):
    """One explained call; `page` is the name of the file that shows it. None: unknown."""

    model_config = ConfigDict(extra="ignore")

    prompt: str | None = None
    version: str | None = None
    function: str | None = None
    model: str | None = None
    driver: str | None = None
    status: str
    answer: str | None = None
    summary: str | None = None
    page: str | None = None


def index_to_html(title: str, entries: Sequence[Entry]) -> str:
    """Return a self-contained page without script, light and dark; every text is escaped."""
    return filled(
        "index.html.j2",
        title=title,
        entries=entries[:MOST_ENTRIES],
        more=len(entries) - MOST_ENTRIES,
        words=STATUS_WORDS,
    )


_WIDTH, _HEIGHT = 720.0, 372.0
_LEFT, _TOP, _PANEL, _GAP, _TALL = 48.0, 62.0, 292.0, 64.0, 190.0
"""Position of the first panel, size of the panels, and the gap, in user units."""

_ORDERS = {"attribution": "explanation", "leave_one_out": "leave-one-out", "random": "random"}


@dataclass(frozen=True)
class _Curve:
    order: str
    name: str
    points: str
    area: float


@dataclass(frozen=True)
class _Plot:
    x: float
    title: str
    better: str
    axis: str
    lines: tuple[_Curve, ...]


def curves_to_svg(found: Faithfulness) -> str:
    """Draw both curves of the three orders for a light or dark page."""
    orders = (found.random, found.leave_one_out, found.attribution)
    panels = [
        _Plot(
            x=_LEFT + place * (_PANEL + _GAP),
            title=title,
            better=better,
            axis=axis,
            lines=tuple(_curve(found, order, place) for order in orders),
        )
        for place, (title, better, axis) in enumerate(
            [
                ("Deletion", "the lower the better", "share of the parts removed"),
                ("Insertion", "the higher the better", "share of the parts retained"),
            ]
        )
    ]
    return filled(
        "curves.svg.j2",
        found=found,
        panels=panels,
        width=_WIDTH,
        height=_HEIGHT,
        top=_TOP,
        panel=_PANEL,
        tall=_TALL,
    )


def _curve(found: Faithfulness, order: OrderCurves, place: int) -> _Curve:
    """Draw deletion (place 0) or insertion (place 1). Failed calls are interpolated."""
    shares = (order.deletion, order.insertion)[place]
    left = _LEFT + place * (_PANEL + _GAP)
    points = [
        f"{left + _PANEL * step / found.segments:.1f},{_TOP + _TALL * (1 - share):.1f}"
        for step, share in zip(found.steps, shares, strict=True)
        if share is not None
    ]
    area = (order.deletion_auc, order.insertion_auc)[place]
    return _Curve(order.order, _ORDERS[order.order], " ".join(points), area)
