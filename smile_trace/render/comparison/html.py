"""The comparison as HTML: self-contained, without script, light and dark; shown in notebooks."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from smile_trace.records.comparison import Comparison
from smile_trace.render import text
from smile_trace.render.comparison import layout
from smile_trace.render.comparison.terminal import print_terminal
from smile_trace.render.heatmap_layout import strength
from smile_trace.render.html import LEGEND_STOPS, display_html, in_notebook

TEMPLATES = Environment(
    loader=PackageLoader("smile_trace.render.comparison"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(comparison: Comparison, *, fragment: bool = False) -> str:
    """The comparison as a page, or only its `<div>` for a notebook or another page."""
    return TEMPLATES.get_template("comparison.html.j2").render(
        fragment=fragment,
        comparison=comparison,
        panels=layout.panels(comparison),
        layout=layout,
        text=text,
        signed=text.signed,
        strength=strength,
        stops=LEGEND_STOPS,
        visible=text.visible,
        limit=comparison.settings.smallest_effect,
    )


def show(comparison: Comparison) -> None:
    """Display the page in the running notebook, or print it in the terminal."""
    if in_notebook():
        display_html(to_html(comparison, fragment=True))
    else:
        print_terminal(comparison)
