"""The report in a terminal, through rich."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smile_trace.records.report import Report, ReportGroup
from smile_trace.render.report import layout
from smile_trace.render.text import signed, visible

_MOST_ROWS = 12


def print_terminal(report: Report, console: Console | None = None) -> None:
    """Print the summary, and each group's parts."""
    console = console or Console()
    console.print(Text(visible(report.summary), style="bold"))
    for group in report.groups:
        title = f"\n{layout.group_title(group)}: {layout.group_facts(group)}"
        console.print(Text(title, style="bold dim"))
        if group.no_document is not None:
            console.print(Text(f"  {layout.no_document(group.no_document)}"))
        if group.parts:
            console.print(Padding(_parts(group, console.width), (0, 2)))
        if (more := len(group.parts) - _MOST_ROWS + group.more) > 0:
            console.print(Text(f"  and {more:,} more", style="dim"))


def _parts(group: ReportGroup, width: int) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("part", max_width=max(16, width - 66), overflow="ellipsis", no_wrap=True)
    for name in ("mattered in", "share of calls", "change", "mean"):
        table.add_column(name, no_wrap=True)
    for part in group.parts[:_MOST_ROWS]:
        known = part.mattered.of > 0
        table.add_row(
            Text(layout.part_name(part), style="blue" if part.mattered.count else "dim"),
            layout.mattered_in(part),
            layout.percent(part.mattered) if known else "",
            layout.changed(part).partition(" [")[0],
            "" if part.attribution is None else signed(part.attribution),
        )
    return table
