"""The table of scores as Markdown (GitHub flavour, which MLflow draws as a table)."""

import re

from smile_trace.records import Explanation, SegmentAttribution
from smile_trace.render.heatmap import STATUS_WORDS, signed, visible

ROWS = 15
"""Most segments in the table: it is for reading; all scores are in the JSON."""
_TEXT = 60
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_markdown(explanation: Explanation) -> str:
    """The summary and the strongest segments, by size of their attribution."""
    free = [s for s in explanation.segments if not s.frozen]
    strongest = sorted(free, key=lambda s: (not s.significant, -abs(s.attribution)))
    level = f"{explanation.fidelity.interval_level:.0%}".replace("%", " %")
    lines = [
        escape(explanation.summary),
        "",
        f"**{STATUS_WORDS[explanation.fidelity.status]}**: {escape(explanation.fidelity.reason)}",
        "",
        f"| | segment | attribution | {level} interval | p |",
        "|:-:|---|--:|:-:|--:|",
        *(_row(segment) for segment in strongest[:ROWS]),
    ]
    if len(strongest) > ROWS:
        lines += ["", f"and {len(strongest) - ROWS:,} more segments with smaller values"]
    return "\n".join(lines)


def escape(text: str) -> str:
    """`text` on one line, in which no character means anything to Markdown or HTML."""
    line = " ".join(visible(text).split())
    return re.sub(r"[!-/:-@\[-`{-~]", lambda m: _ENTITIES.get(m[0], "\\" + m[0]), line)


def _row(segment: SegmentAttribution) -> str:
    mark = ("▲" if segment.attribution > 0 else "▼") if segment.significant else "·"
    text = " ".join(segment.text.split())
    text = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    p_value = "" if segment.p_value is None else f"{segment.p_value:.3g}"
    interval = f"{signed(segment.ci_low)} … {signed(segment.ci_high)}"
    return f"| {mark} | {escape(text)} | {signed(segment.attribution)} | {interval} | {p_value} |"
