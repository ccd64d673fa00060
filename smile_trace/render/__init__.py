"""Records as pictures: HTML, SVG, Markdown, terminal. Every text is escaped. The drawing functions
of each kind of record (its `show()`, `to_html()` and so on) are registered here."""

from smile_trace.records import Explanation
from smile_trace.records.base import register_views
from smile_trace.records.comparison import Comparison
from smile_trace.records.evaluation import Faithfulness
from smile_trace.records.path import ExplanationPath
from smile_trace.records.profile import Profile, PromptProfile
from smile_trace.records.report import Report
from smile_trace.records.suggestion import Suggestions
from smile_trace.render.comparison.pages import comparison_to_html, report_to_html, report_to_svg
from smile_trace.render.comparison.report_words import report_to_markdown
from smile_trace.render.comparison.terminal import print_comparison, print_report
from smile_trace.render.facts import STATUS_WORDS, fidelity_reason
from smile_trace.render.html import curves_to_svg, show, to_html
from smile_trace.render.markdown import (
    citations_to_markdown,
    details_to_markdown,
    scores_to_markdown,
    summary_to_markdown,
    to_markdown,
)
from smile_trace.render.path import path_ends, path_to_html, path_to_svg, print_path
from smile_trace.render.phrases import driver_text, finest_driver
from smile_trace.render.profile import (
    print_profile,
    print_prompt_profile,
    profile_to_frame,
    profile_to_html,
    prompt_profile_to_html,
)
from smile_trace.render.scores import plot, to_frame
from smile_trace.render.suggestions import print_suggestions
from smile_trace.render.svg import brief_svg, to_svg
from smile_trace.render.terminal import print_terminal

__all__ = [
    "STATUS_WORDS",
    "brief_svg",
    "citations_to_markdown",
    "comparison_to_html",
    "details_to_markdown",
    "driver_text",
    "fidelity_reason",
    "finest_driver",
    "path_ends",
    "path_to_html",
    "path_to_svg",
    "print_comparison",
    "print_path",
    "print_profile",
    "print_terminal",
    "profile_to_frame",
    "report_to_markdown",
    "scores_to_markdown",
    "show",
    "summary_to_markdown",
    "to_html",
    "to_markdown",
    "to_svg",
]

register_views(
    Explanation,
    html=to_html,
    terminal=print_terminal,
    show=show,
    svg=to_svg,
    frame=to_frame,
    chart=plot,
)
register_views(ExplanationPath, html=path_to_html, terminal=print_path, show=show, svg=path_to_svg)
register_views(Comparison, html=comparison_to_html, terminal=print_comparison, show=show)
register_views(Report, html=report_to_html, terminal=print_report, show=show, svg=report_to_svg)
register_views(
    Profile, html=profile_to_html, terminal=print_profile, show=show, frame=profile_to_frame
)
register_views(PromptProfile, html=prompt_profile_to_html, terminal=print_prompt_profile, show=show)
register_views(Suggestions, show=print_suggestions)
register_views(Faithfulness, svg=curves_to_svg)
