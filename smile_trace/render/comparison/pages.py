"""A Comparison and a Report as pages (self-contained, without script, light and dark), and a Report
as one picture."""

from dataclasses import dataclass

from markupsafe import Markup

from smile_trace.records.comparison import Comparison
from smile_trace.records.report import Report, ReportedPart, ReportGroup
from smile_trace.render import text
from smile_trace.render.comparison import layout, report_words
from smile_trace.render.html import filled

WIDTH = 1080.0
NAME, SCALE, VALUES = 20.0, 350.0, 200.0
"""Left edge of the names, of the scale, and the scale's width, in user units."""
DRIVES, CHANGE = 770.0, 910.0
"""Right edge of these columns."""
MOST_GROUPS, MOST_ROWS = 8, 10
"""Groups of a picture, and rows of a group; the page has all."""


def comparison_to_html(comparison: Comparison, *, fragment: bool = False) -> str:
    """Return the comparison as a page, or only its `<div>` for a notebook or another page. If it
    has no versions, the page is that of what mattered."""
    shown = comparison.mattered
    if shown is not None and not comparison.versions:
        return report_to_html(shown, fragment=fragment)
    return filled(
        "comparison.html.j2",
        fragment=fragment,
        comparison=comparison,
        panels=layout.panels(comparison),
        layout=layout,
        limit=comparison.settings.smallest_effect,
        mattered=None if shown is None else Markup(report_to_html(shown, fragment=True)),
    )


def report_to_html(report: Report, *, fragment: bool = False) -> str:
    """Return the report as a page, or only its `<div>` for a notebook or another page."""
    return filled("report.html.j2", report=report, layout=report_words, fragment=fragment)


@dataclass(frozen=True)
class _Row:
    """A line of the picture at a height: a heading, or a part with its share."""

    y: float
    group: ReportGroup | None = None
    part: ReportedPart | None = None


def report_to_svg(report: Report) -> str:
    """Draw the shares of calls in which each part mattered, with intervals, as one SVG document."""
    lines = _lines(report.summary)
    y = 52.0 + 19 * len(lines)
    rows: list[_Row] = []
    for group in report.groups[:MOST_GROUPS]:
        shown = report_words.listed(group, MOST_ROWS)
        if not shown:
            continue
        y += 14
        rows.append(_Row(y, group=group))
        y += 38 if group.no_document is None else 56
        for part in shown:
            rows.append(_Row(y, part=part))
            y += 21
    return filled(
        "report.svg.j2",
        report=report,
        lines=lines,
        rows=rows,
        layout=report_words,
        width=WIDTH,
        height=y + 34,
        left=NAME,
        scale=SCALE,
        values=VALUES,
        drives=DRIVES,
        change=CHANGE,
    )


def _lines(sentence: str) -> list[str]:
    words, lines = text.visible(sentence).split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 150:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
