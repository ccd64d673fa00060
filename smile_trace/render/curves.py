"""Deletion and insertion curves as one self-contained SVG document."""

from dataclasses import dataclass

from smile_trace.records.evaluation import Faithfulness, OrderCurves
from smile_trace.render.html import TEMPLATES

WIDTH, HEIGHT = 720.0, 372.0
LEFT, TOP, PANEL, GAP, TALL = 48.0, 62.0, 292.0, 64.0, 190.0
"""Position of the first panel, size of the panels, and the gap, in user units."""

_NAMES = {"attribution": "explanation", "leave_one_out": "leave-one-out", "random": "random"}


@dataclass(frozen=True)
class Line:
    """One order's curve in a panel, as points of a polyline, and the area under it."""

    order: str
    name: str
    points: str
    area: float


@dataclass(frozen=True)
class Panel:
    """One of the two plots; `x` is its left edge."""

    x: float
    title: str
    better: str
    axis: str
    lines: tuple[Line, ...]


def to_svg(found: Faithfulness) -> str:
    """Both curves of the three orders, on the page that shows them, light or dark."""
    orders = (found.random, found.leave_one_out, found.attribution)
    panels = [
        Panel(
            x=LEFT + place * (PANEL + GAP),
            title=title,
            better=better,
            axis=axis,
            lines=tuple(_line(found, order, place) for order in orders),
        )
        for place, (title, better, axis) in enumerate(
            [
                ("Deletion", "the lower the better", "share of the parts removed"),
                ("Insertion", "the higher the better", "share of the parts retained"),
            ]
        )
    ]
    return TEMPLATES.get_template("curves.svg.j2").render(
        found=found, panels=panels, width=WIDTH, height=HEIGHT, top=TOP, panel=PANEL, tall=TALL
    )


def _line(found: Faithfulness, order: OrderCurves, place: int) -> Line:
    """Place 0: deletion, 1: insertion. Failed calls are interpolated."""
    shares = (order.deletion, order.insertion)[place]
    left = LEFT + place * (PANEL + GAP)
    points = [
        f"{left + PANEL * step / found.segments:.1f},{TOP + TALL * (1 - share):.1f}"
        for step, share in zip(found.steps, shares, strict=True)
        if share is not None
    ]
    area = (order.deletion_auc, order.insertion_auc)[place]
    return Line(order.order, _NAMES[order.order], " ".join(points), area)
