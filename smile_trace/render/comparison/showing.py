"""Show a comparison where the person is: in the notebook, else in the terminal."""

from importlib import import_module

from smile_trace.records.comparison import Comparison
from smile_trace.render.comparison.html import to_html
from smile_trace.render.comparison.terminal import print_terminal
from smile_trace.render.display import in_notebook


def show(comparison: Comparison) -> None:
    """Display the page in the running notebook, or print it in the terminal."""
    if in_notebook():
        display = import_module("IPython.display")
        display.display(display.HTML(to_html(comparison, fragment=True)))
    else:
        print_terminal(comparison)
