"""Summary and scores as Markdown (GitHub flavour, which MLflow draws as a table)."""

import re

from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render.heatmap import heatmap, signed, visible

ROWS = 12
"""Most segments in the table: it is for reading; all scores are in the JSON."""
_TEXT = 48
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_markdown(explanation: Explanation) -> str:
    """The summary, and under it the table of scores."""
    return f"{summary_to_markdown(explanation)}\n\n{scores_to_markdown(explanation)}"


def summary_to_markdown(explanation: Explanation) -> str:
    """The sentence, how far to trust it, fidelity and cost."""
    picture = heatmap(explanation)
    facts = escape(" · ".join(picture.facts))
    return f"{escape(picture.summary)}\n\n{escape(picture.verdict)}\n\n{facts}"


def scores_to_markdown(explanation: Explanation) -> str:
    """The significant segments by size of their attribution, then the next strongest."""
    free = [s for s in explanation.segments if not s.frozen]
    if not free:
        return "No segment could be left out."
    strongest = sorted(free, key=lambda s: (not s.significant, -abs(s.attribution)))
    level = f"{explanation.fidelity.interval_level * 100:.0f} %"
    rows = [
        f"| |segment|attribution|{level} interval|p|",
        "|-|-|-:|-|-:|",
        *(_row(segment) for segment in strongest[:ROWS]),
    ]
    if len(strongest) > ROWS:
        rows += ["", f"and {len(strongest) - ROWS:,} more"]
    return "\n".join(rows)


def escape(text: str) -> str:
    """`text` on one line, in which no character means anything to Markdown or HTML."""
    line = " ".join(visible(text).split())
    return re.sub(r"[!-/:-@\[-`{-~]", lambda m: _ENTITIES.get(m[0], "\\" + m[0]), line)


def _row(segment: SegmentAttribution) -> str:
    mark = ("▲" if segment.attribution > 0 else "▼") if segment.significant else "·"
    text = " ".join(segment.text.split())
    text = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    p_value = "" if segment.p_value is None else f"{segment.p_value:.2g}"
    interval = f"{signed(segment.ci_low)} … {signed(segment.ci_high)}"
    return f"|{mark}|{escape(text)}|{signed(segment.attribution)}|{interval}|{p_value}|"
