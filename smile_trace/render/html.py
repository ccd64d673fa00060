"""The heatmap as HTML: self-contained, without script, light and dark; shown in notebooks."""

import sys
from importlib import import_module

from jinja2 import Environment, PackageLoader, StrictUndefined

from smile_trace.records import Explanation
from smile_trace.render.heatmap_layout import describe, heatmap, strength
from smile_trace.render.scores import rows
from smile_trace.render.terminal import print_terminal
from smile_trace.render.text import called, noun, short, signed, visible

TEMPLATES = Environment(
    loader=PackageLoader("smile_trace.render"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)
"""All templates of this package; they escape every text."""

LONGEST_TITLE = 200
"""Characters of a page's title, which may be the name of anything."""
LEGEND_STOPS = tuple(round(-1 + i / 10, 1) for i in range(21))
"""Attributions at which the legend's gradient has the colours of the scale."""


def to_html(explanation: Explanation, *, fragment: bool = False, title: str | None = None) -> str:
    """The heatmap as a page, or as a fragment with its own scoped styles.

    Args:
        fragment: only the `<div>`, for a notebook or another page.
        title: the page's title; by default "Why this answer?".
    """
    return TEMPLATES.get_template("heatmap.html.j2").render(
        fragment=fragment,
        title=short(title or "Why this answer?", LONGEST_TITLE),
        picture=heatmap(explanation),
        rows=rows(explanation),
        finer=bool(explanation.coarser),
        level=explanation.fidelity.interval_level,
        stops=LEGEND_STOPS,
        strength=strength,
        describe=describe,
        signed=signed,
        noun=noun,
        called=called,
        visible=visible,
    )


def show(explanation: Explanation) -> None:
    """Display the heatmap in the running notebook, or print it in the terminal."""
    if in_notebook():
        display_html(to_html(explanation, fragment=True))
    else:
        print_terminal(explanation)


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which has rich output."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def display_html(fragment: str) -> None:
    """Display HTML in the running notebook."""
    display = import_module("IPython.display")
    display.display(display.HTML(fragment))
