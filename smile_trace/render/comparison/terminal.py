"""A Comparison and a Report in a terminal, through rich."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smile_trace.records.comparison import Comparison, Influence, VersionChange
from smile_trace.records.report import Report, ReportGroup
from smile_trace.render.comparison import layout, report_words
from smile_trace.render.text import number, probability, short, signed, visible

_STYLE = {
    "supports": "bold blue",
    "against": "bold yellow",
    "excluded": "dim",
    "open": "",
}
_MAX_ROWS = 12


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print the summary, each change, each version's segments by influence, and what mattered."""
    console = console or Console()
    console.print(Text(visible(comparison.summary), style="bold"))
    for change in comparison.changes:
        _print_change(comparison, change, console)
    for version in comparison.versions:
        if version.rows:
            title = f"version {visible(version.label)}: {version.explained:,} calls, "
            console.print(Text(f"\n{title}{version.rows:,} perturbed prompts", style="bold dim"))
            console.print(Padding(_influences(layout.ranked(version), console.width), (0, 2)))
        for why in version.dropped:
            console.print(Text(f"  not used: {visible(why)}", style="dim"))
    if comparison.mattered is not None:
        _print_groups(comparison.mattered, console)


def _print_change(comparison: Comparison, change: VersionChange, console: Console) -> None:
    before, after = (comparison.versions[k].label for k in (change.before, change.after))
    console.print(Text(f"\n{visible(before)} → {visible(after)}", style="bold dim"))
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("what changed", max_width=max(20, console.width - 38), overflow="fold")
    for name in ("by", "90 % interval", "p"):
        table.add_column(name, no_wrap=True, justify="left" if "%" in name else "right")
    if change.answers is not None:
        a = change.answers
        what = f"answers on {a.inputs} input{'' if a.inputs == 1 else 's'} ({a.changed} changed)"
        table.add_row(what, *_cells(a.distance, a.ci_low, a.ci_high, a.p_value, a.significant))
    for effect in layout.effects_of(change):
        text = "\n".join(layout.edit_text(change.edits[place]) for place in effect.edits)
        cells = _cells(effect.distance, effect.ci_low, effect.ci_high, None, effect.named)
        table.add_row(Text(text), *cells)
    for item in layout.changed_most(change)[:_MAX_ROWS]:
        if item.significant and item.change is not None:
            low, high = item.ci_low or 0.0, item.ci_high or 0.0
            text = f"influence of {short(layout.text_of(comparison, change, item), 60)}"
            table.add_row(
                Text(text), *_cells(item.change, low, high, item.p_value, item.significant)
            )
    for m in change.measures:
        what = f"{layout.MEASURE_WORDS.get(m.name, m.name)}: {number(m.before)} → "
        interval = f"{number(m.ci_low)} … {number(m.ci_high)}"
        style = "bold" if m.significant else "dim"
        table.add_row(
            Text(what + number(m.after), style=style),
            number(m.change),
            Text(interval, style="dim"),
            probability(m.p_value),
        )
    for probe in change.probes:
        what = f"{probe.title}: {probe.before.value:.0%} → {probe.after.value:.0%} of the answers"
        d = probe.change
        told = _cells(d.value, d.ci_low, d.ci_high, probe.p_value, probe.significant)
        table.add_row(Text(short(what, 80)), *told)
    console.print(Padding(table, (0, 2)))
    for why in (change.why_no_answers, change.why_no_edits, change.why_no_influences):
        if why:
            console.print(Text(f"  not compared: {visible(why)}", style="dim"))


def _cells(
    value: float, low: float, high: float, p_value: float | None, significant: bool
) -> tuple[Text, Text, Text]:
    style = "bold" if significant else "dim"
    interval = f"{signed(low)} … {signed(high)}"
    return (
        Text(signed(value), style=style),
        Text(interval, style="dim"),
        Text(probability(p_value)),
    )


def _influences(influences: list[Influence], width: int) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("segment", max_width=max(16, width - 58), overflow="ellipsis", no_wrap=True)
    for name in ("influence", "90 % interval", "verdict", "may need"):
        table.add_column(name, no_wrap=True, justify="right" if name == "influence" else "left")
    for item in influences:
        needed = f"≤ {item.may_need:.1%}" if item.verdict == "excluded" else ""
        table.add_row(
            Text(short(item.segment.text), style=_STYLE[item.verdict]),
            signed(item.influence),
            Text(f"{signed(item.ci_low)} … {signed(item.ci_high)}", style="dim"),
            item.verdict if item.verdict != "open" else f"open: up to {item.at_most:.0%}",
            Text(needed, style="dim"),
        )
    return table


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the summary, and each group's parts."""
    console = console or Console()
    console.print(Text(visible(report.summary), style="bold"))
    _print_groups(report, console)


def _print_groups(report: Report, console: Console) -> None:
    for group in report.groups:
        title = f"\n{report_words.group_title(group)}: {report_words.group_facts(group)}"
        console.print(Text(title, style="bold dim"))
        if group.no_document is not None:
            console.print(Text(f"  {report_words.no_document(group.no_document)}"))
        if group.parts:
            console.print(Padding(_parts(group, console.width), (0, 2)))
        if (more := len(group.parts) - _MAX_ROWS + group.more) > 0:
            console.print(Text(f"  and {more:,} more", style="dim"))


def _parts(group: ReportGroup, width: int) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("part", max_width=max(16, width - 66), overflow="ellipsis", no_wrap=True)
    for name in ("mattered in", "share of calls", "change", "mean"):
        table.add_column(name, no_wrap=True)
    for part in group.parts[:_MAX_ROWS]:
        known = part.mattered.of > 0
        table.add_row(
            Text(report_words.part_name(part), style="blue" if part.mattered.count else "dim"),
            report_words.mattered_in(part),
            report_words.percent(part.mattered) if known else "",
            report_words.changed(part).partition(" [")[0],
            "" if part.attribution is None else signed(part.attribution),
        )
    return table
