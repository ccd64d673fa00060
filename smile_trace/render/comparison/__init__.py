"""A Comparison as a page, and in the terminal. Every text is escaped."""

from smile_trace.render.comparison.html import show, to_html
from smile_trace.render.comparison.terminal import print_terminal

__all__ = ["print_terminal", "show", "to_html"]
