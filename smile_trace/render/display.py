"""Show an explanation where the person is: in the notebook, else in the terminal."""

import sys
from importlib import import_module

from smile_trace.records import Explanation
from smile_trace.render.html import to_html
from smile_trace.render.terminal import print_terminal


def show(explanation: Explanation) -> None:
    """Display the heatmap in the running notebook, or print it in the terminal."""
    if in_notebook():
        display = import_module("IPython.display")
        display.display(display.HTML(to_html(explanation, fragment=True)))
    else:
        print_terminal(explanation)


def in_notebook() -> bool:
    """Whether a kernel with rich output runs this: it has loaded ipykernel and IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
