"""The report as Markdown (GitHub flavour): what mattered most, one part a line."""

from smile_trace.records.report import Report, ReportedPart
from smile_trace.render.markdown import escape
from smile_trace.render.report import layout
from smile_trace.render.text import short

_SPACE = "&ensp;"
_HEAD = ("part", "is a", "mattered in", "share of calls", "drives", "change, points", "mean")


def to_markdown(report: Report, most: int = 12) -> str:
    """The summary and a table of each prompt and function, with links to calls.

    Args:
        most: the parts of a table; the page has all.
    """
    found = [escape(report.summary)]
    for group in report.groups if most else ():
        if group.kind not in ("prompt", "function") or not group.parts:
            continue
        head = [*_HEAD, *(["calls"] if report.links else [])]
        found.append(escape(f"{layout.group_title(group)}: {layout.group_facts(group)}"))
        lines = [_line(head), f"|{' --- |' * len(head)}"]
        lines += [_line(_cells(part, report)) for part in group.parts[:most]]
        found.append("\n".join(lines))
    return "\n\n".join(found)


def _cells(part: ReportedPart, report: Report) -> list[str]:
    texts = (
        short(part.name, layout.LONGEST_NAME),
        layout.kind_of(part),
        layout.mattered_in(part),
        layout.percent(part.mattered) if part.mattered.of else "",
        layout.drove(part),
        layout.changed(part),
        layout.mean_of(part),
    )
    cells = [escape(text) for text in texts]
    if part.mattered.count:
        cells[0] = f"**{cells[0]}**"
    if report.links:
        addresses = enumerate(layout.links(part, report), start=1)
        cells.append(" ".join(f"[{n}](<{escape_address(one)}>)" for n, one in addresses))
    return cells


def escape_address(address: str) -> str:
    """An address as it may stand between `<` and `>`."""
    for character, code in (("<", "%3C"), (">", "%3E"), ("\\", "%5C"), ("|", "%7C"), (" ", "%20")):
        address = address.replace(character, code)
    return "".join(address.split())


def _line(cells: list[str]) -> str:
    # MLflow draws tables without any space between columns.
    return f"| {f'{_SPACE} | '.join(cells)} |"
