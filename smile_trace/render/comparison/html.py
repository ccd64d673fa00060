"""The comparison as one self-contained page: no script, light and dark, for keyboard and paper."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from smile_trace.records.comparison import Comparison
from smile_trace.render.comparison import layout
from smile_trace.render.heatmap import signed, strength, visible
from smile_trace.render.html import LEGEND_STOPS

TEMPLATES = Environment(
    loader=PackageLoader("smile_trace.render.comparison"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(comparison: Comparison, *, fragment: bool = False) -> str:
    """The page, or only its `<div>` for a notebook or a page around it."""
    return TEMPLATES.get_template("comparison.html.j2").render(
        fragment=fragment,
        comparison=comparison,
        panels=layout.panels(comparison),
        layout=layout,
        signed=signed,
        strength=strength,
        stops=LEGEND_STOPS,
        visible=visible,
        delta=comparison.settings.delta,
    )
