"""An Explanation as a picture: HTML, SVG, Markdown, terminal. Every text is escaped."""

from smile_trace.render.heatmap import STATUS_WORDS
from smile_trace.render.html import to_html
from smile_trace.render.markdown import to_markdown
from smile_trace.render.show import show
from smile_trace.render.svg import to_svg
from smile_trace.render.terminal import print_terminal

__all__ = ["STATUS_WORDS", "print_terminal", "show", "to_html", "to_markdown", "to_svg"]
