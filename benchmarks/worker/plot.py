"""Small line charts, one beside the other, as one SVG that needs nothing to be shown."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, COLUMNS = 280, 150, 3
LEFT, TOP, RIGHT, BOTTOM = 44, 30, 12, 24


class Panel(NamedTuple):
    """One chart: a line over seconds. `per_hour` is the rise of the line fitted to it."""

    title: str
    seconds: Sequence[float]
    values: Sequence[float]
    per_hour: float


def to_svg(panels: Sequence[Panel]) -> str:
    """The charts, each from 0 to a little above its largest value."""
    rows = -(-len(panels) // COLUMNS)
    width, height = WIDTH * COLUMNS, HEIGHT * rows
    charts = "\n".join(
        f'<g transform="translate({WIDTH * (k % COLUMNS)},{HEIGHT * (k // COLUMNS)})">'
        f"{_chart(panel)}</g>"
        for k, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="10">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n{charts}\n</svg>\n'
    )


def _chart(panel: Panel) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    last = max(panel.seconds) or 1.0
    most = max(panel.values) * 1.15 or 1.0

    def x(seconds: float) -> float:
        return LEFT + (right - LEFT) * seconds / last

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * value / most

    pairs = zip(panel.seconds, panel.values, strict=True)
    points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in pairs)
    quarter = x(last / 4)
    return (
        f'<text x="{LEFT}" y="14" font-weight="bold">{escape(panel.title)}</text>'
        f'<text x="{LEFT}" y="25" fill="#666">{panel.per_hour:+.2f} per hour after the first '
        "quarter</text>"
        f'<rect x="{LEFT}" y="{TOP}" width="{quarter - LEFT:.1f}" height="{bottom - TOP}" '
        'fill="#f3f3f3"/>'
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#999"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f6fb2" stroke-width="1.3"/>'
        f'<text x="{LEFT - 4}" y="{y(max(panel.values)) + 3:.1f}" text-anchor="end">'
        f"{max(panel.values):,.4g}</text>"
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{LEFT}" y="{bottom + 13}">0</text>'
        f'<text x="{right}" y="{bottom + 13}" text-anchor="end">{last / 60:.0f} min</text>'
    )
