"""Summary and scores as Markdown (GitHub flavour, which MLflow draws as a table)."""

import re

from smile_trace.records import Explanation
from smile_trace.render.heatmap import heatmap, signed, visible
from smile_trace.render.scores import Row, rows

ROWS = 12
"""Most segments in the table: it is for reading; all scores are in the JSON."""
_TEXT = 48
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(
    r"""[\\`*_{}\[\]<>|~\#&!$@^]   # what means something anywhere
        | :(?=//) | (?<=www)\.        # what would become a link
        | ^[-+=:] | (?<=^\d)[.)] | (?<=^\d\d)[.)] | (?<=^\d\d\d)[.)]  # lists and rules""",
    re.VERBOSE | re.IGNORECASE,
)


def to_markdown(explanation: Explanation) -> str:
    """Summary, table of scores, and what it is built on."""
    parts = (summary_to_markdown, scores_to_markdown, details_to_markdown)
    return "\n\n".join(part(explanation) for part in parts)


def summary_to_markdown(explanation: Explanation) -> str:
    """The sentence, and how far to trust it."""
    picture = heatmap(explanation)
    return f"{escape(picture.summary)}\n\n{escape(picture.verdict)}"


def details_to_markdown(explanation: Explanation) -> str:
    """Fidelity, noise floor and cost on one line."""
    return escape(" · ".join(heatmap(explanation).facts))


def scores_to_markdown(explanation: Explanation) -> str:
    """The significant segments and passages by size of their attribution, then the others."""
    free = rows(explanation)
    if not free:
        return "No segment could be left out."
    strongest = sorted(
        free, key=lambda row: (not row.segment.significant, -abs(row.segment.attribution))
    )
    level = f"{explanation.fidelity.interval_level * 100:.0f} %"
    lines = [
        f"| |segment|attribution|{level} interval|p|",
        "|-|-|-:|-|-:|",
        *(_line(row) for row in strongest[:ROWS]),
    ]
    if len(strongest) > ROWS:
        lines += ["", f"and {len(strongest) - ROWS:,} more"]
    return "\n".join(lines)


def escape(text: str) -> str:
    """`text` on one line, in which no character means anything to Markdown or HTML."""
    line = " ".join(visible(text).split())
    return _MARKUP.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), line)


def _line(row: Row) -> str:
    segment = row.segment
    mark = ("▲" if segment.attribution > 0 else "▼") if segment.significant else "·"
    text = " ".join(segment.text.split())
    text = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    p_value = "" if segment.p_value is None else f"{segment.p_value:.2g}"
    interval = f"{signed(segment.ci_low)} … {signed(segment.ci_high)}"
    which = f" ({row.which})" if row.which else ""
    return f"|{mark}|{escape(text)}{which}|{signed(segment.attribution)}|{interval}|{p_value}|"
