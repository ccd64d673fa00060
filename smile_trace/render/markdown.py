"""Summary and scores as Markdown (GitHub flavour, which MLflow draws as a table)."""

import re

from smile_trace._text.titles import title
from smile_trace.records import Explanation
from smile_trace.render.citations import HEAD, citation_rows
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.render.scores import LEGEND, Row, rows
from smile_trace.render.text import noun, signed, visible

MAX_ROWS = 12
"""The most segments in the table; all scores are in the JSON."""
_MAX_TEXT, _END = 48, 16
"""Characters of a segment's text, and how many of them are taken from its end."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = {"supports": "▲", "against": "▼", "excluded": "·", "open": "?", "paired": "="}
_CELL = re.compile(r"((?:[^|\\]|\\.)*)\|")
_MARKUP = re.compile(
    r"""(?P<code>`\w[\w.]*`)            # as our sentences write fields: it may be drawn as such
        | [\\`*|~$]                    # what means something anywhere
        | (?<![^\W_])_ | _(?![^\W_])     # not inside of a word
        | \](?=[(\[:])                 # links and pictures, what they refer to
        | &(?=\#?\w+;) | <(?=[\w/!?]) | ^>
        | :(?=//) | (?<=www)\. | (?<=[\w.+-])@   # what would become a link
        | ^[-+=:\#] | (?<=^\d)[.)] | (?<=^\d\d)[.)] | (?<=^\d\d\d)[.)]  # titles, lists, rules""",
    re.VERBOSE | re.IGNORECASE,
)


def to_markdown(explanation: Explanation) -> str:
    """Return summary, table of scores, citations, fidelity and cost."""
    parts = (summary_to_markdown, scores_to_markdown, citations_to_markdown, details_to_markdown)
    return "\n\n".join(filter(None, (part(explanation) for part in parts)))


def summary_to_markdown(explanation: Explanation) -> str:
    """Return the summary and the verdict."""
    picture = heatmap(explanation)
    said = filter(None, (picture.target, picture.summary, picture.verdict))
    return "\n\n".join(map(escape, said))


def details_to_markdown(explanation: Explanation) -> str:
    """Return fidelity, noise floor and cost on one line."""
    return escape(" · ".join(heatmap(explanation).facts))


def scores_to_markdown(explanation: Explanation) -> str:
    """Return a table of segments and passages, significant ones first, by absolute attribution."""
    free = rows(explanation)
    if not free:
        return "No part could be removed."
    strongest = sorted(
        free, key=lambda row: (not row.segment.significant, -abs(row.segment.attribution))
    )
    level = f"{explanation.fidelity.interval_level * 100:.0f} %"
    finer = bool(explanation.coarser)
    lines = [
        f"| |part|{'is a|' if finer else ''}attribution|{level} interval|p|",
        f"|-|-|{'-|' if finer else ''}-:|-|-:|",
        *(_line(row, finer=finer) for row in strongest[:MAX_ROWS]),
    ]
    if len(strongest) > MAX_ROWS:
        lines += ["", f"and {len(strongest) - MAX_ROWS:,} more"]
    shown = {row.look for row in strongest[:MAX_ROWS]}
    if said := [f"{_MARKS[look]} {said}" for look, said in LEGEND.items() if look in shown]:
        lines += ["", " · ".join(said)]
    return "\n".join(lines)


def citations_to_markdown(explanation: Explanation) -> str:
    """Return a table of the answer's citations; empty if it has none."""
    found = citation_rows(explanation)
    if not found:
        return ""
    lines = [f"|{'|'.join(HEAD)}|", "|-|-|-|-|"]
    for row in found[:MAX_ROWS]:
        lines.append(f"|{escape(row.sentence)}|{escape(row.document)}|{row.effect}|{row.found}|")
    more = ["", f"and {len(found) - MAX_ROWS:,} more"] if len(found) > MAX_ROWS else []
    return "\n".join([*lines, *more])


def align_tables(markdown: str) -> str:
    """Return Markdown whose tables have aligned columns, to be read as plain text, too."""
    lines = markdown.split("\n")
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end].startswith("|"):
            end += 1
        lines[at:end] = _aligned([_CELL.findall(line[1:]) for line in lines[at:end]])
        at = end + 1
    return "\n".join(lines)


def _aligned(table: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "|" + "|".join(_padded(*cell) for cell in zip(row, widths, strict=True)) + "|"
        for row in table
    ]


def _padded(cell: str, width: int) -> str:
    """Pad a cell; one in the line below the head is drawn through."""
    if not cell.strip("-:") and cell.strip():
        return cell.replace("-", "-" * (width - len(cell) + 1), 1)
    return cell.ljust(width)


def escape(text: str) -> str:
    """Return `text` on one line that no Markdown viewer takes for markup. Nothing else is escaped:
    some viewers show the text as it is."""
    line = " ".join(visible(text).split())
    return _MARKUP.sub(_escaped, line)


def _escaped(match: re.Match[str]) -> str:
    return match["code"] or _ENTITIES.get(match[0], "\\" + match[0])


def escape_lines(text: str) -> str:
    """Return `text` like `escape`, on the lines that it has."""
    return "  \n".join(map(escape, text.splitlines()))


def _line(row: Row, *, finer: bool) -> str:
    segment = row.segment
    mark, text = _MARKS[row.look], _short(row)
    p_value = "" if segment.p_value is None else f"{segment.p_value:.2g}"
    interval = f"{signed(segment.ci_low)} … {signed(segment.ci_high)}"
    told = filter(None, [row.which and _which(row), escape(row.enough)])
    which = "".join(f" ({said})" for said in told)
    what = f"{_what(row)}|" if finer else ""
    return (
        f"|{mark}|{escape(text)}{which}|{what}{signed(segment.attribution)}|{interval}|{p_value}|"
    )


def _what(row: Row) -> str:
    own = noun(row.segment)
    if row.parent is None:
        return own
    around = noun(row.parent)
    return f"{own}, in {'a larger part' if around == 'part' else f'its {around}'}"


def _which(row: Row) -> str:
    """Tell equal texts apart, also by their passage: this table has no hierarchy."""
    if row.within is None:
        return row.which
    passage = f"“{escape(_short(row.within))}”"
    return " ".join(filter(None, [row.which, "in", row.within.which, passage]))


def _short(row: Row) -> str:
    """Shorten to a long passage's title, or to beginning and end, as many texts begin alike."""
    segment, text = row.segment, " ".join(row.segment.text.split())
    if len(text) > _MAX_TEXT and segment.unit not in ("word", "sentence"):
        text = title(segment.text) or text
    text = row.called(text)
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - _END]} … {text[-_END:]}"
