"""An Explanation as a picture: HTML, SVG, Markdown, terminal. Every text is escaped."""

from smile_trace.render.heatmap_layout import STATUS_WORDS, fidelity_reason
from smile_trace.render.html import show, to_html
from smile_trace.render.markdown import (
    details_to_markdown,
    scores_to_markdown,
    summary_to_markdown,
    to_markdown,
)
from smile_trace.render.path import path_ends, path_to_html, path_to_svg, print_path, show_path
from smile_trace.render.phrases import driver_of, driver_text
from smile_trace.render.profile import (
    print_profile,
    profile_to_frame,
    profile_to_html,
    show_profile,
)
from smile_trace.render.scores import plot, to_frame
from smile_trace.render.svg import to_svg, to_svg_strips
from smile_trace.render.terminal import print_terminal

__all__ = [
    "STATUS_WORDS",
    "details_to_markdown",
    "driver_of",
    "driver_text",
    "fidelity_reason",
    "path_ends",
    "path_to_html",
    "path_to_svg",
    "plot",
    "print_path",
    "print_profile",
    "print_terminal",
    "profile_to_frame",
    "profile_to_html",
    "scores_to_markdown",
    "show",
    "show_path",
    "show_profile",
    "summary_to_markdown",
    "to_frame",
    "to_html",
    "to_markdown",
    "to_svg",
    "to_svg_strips",
]
