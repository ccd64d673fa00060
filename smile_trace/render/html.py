"""The heatmap as HTML: self-contained, without script, in light and dark."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from smile_trace.records import Explanation
from smile_trace.render.heatmap import describe, heatmap, signed, strength, visible
from smile_trace.render.scores import rows

TEMPLATES = Environment(
    loader=PackageLoader("smile_trace.render"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)
"""Every template of this room; all text that goes through it is escaped."""

LEGEND_STOPS = tuple(round(-1 + i / 10, 1) for i in range(21))
"""Attributions at which the legend's gradient is drawn with the scale's own colours."""


def to_html(explanation: Explanation, *, fragment: bool = False, title: str | None = None) -> str:
    """The heatmap as one page, or as a fragment that brings its own scoped styles.

    Args:
        fragment: only the `<div>`, for a notebook or a page around it.
        title: the page's title; by default "Why this answer?".
    """
    return TEMPLATES.get_template("heatmap.html.j2").render(
        fragment=fragment,
        title=visible(title or "Why this answer?"),
        picture=heatmap(explanation),
        rows=rows(explanation),
        finer=bool(explanation.coarser),
        level=explanation.fidelity.interval_level,
        stops=LEGEND_STOPS,
        strength=strength,
        describe=describe,
        signed=signed,
        visible=visible,
    )
