"""A Comparison as a page, and in the terminal. Every text is escaped."""

from smile_trace.render.comparison.html import to_html
from smile_trace.render.comparison.showing import show
from smile_trace.render.comparison.terminal import print_terminal

__all__ = ["print_terminal", "show", "to_html"]
