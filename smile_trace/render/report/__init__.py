"""A Report as a page, as a picture, and in the terminal. Every text is escaped."""

from smile_trace.render.report.layout import summarize
from smile_trace.render.report.markdown import to_markdown
from smile_trace.render.report.pages import show, to_html, to_svg
from smile_trace.render.report.terminal import print_terminal

__all__ = ["print_terminal", "show", "summarize", "to_html", "to_markdown", "to_svg"]
