"""A Comparison, and a Report of what mattered: pages, pictures, Markdown, terminal."""

from smile_trace.render.comparison.pages import comparison_to_html, report_to_html, report_to_svg
from smile_trace.render.comparison.report_words import report_to_markdown
from smile_trace.render.comparison.terminal import print_comparison, print_report

__all__ = [
    "comparison_to_html",
    "print_comparison",
    "print_report",
    "report_to_html",
    "report_to_markdown",
    "report_to_svg",
]
