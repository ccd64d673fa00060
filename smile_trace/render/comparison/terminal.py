"""A Comparison and a Report in a terminal, through rich."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smile_trace._text.lists import per_cent
from smile_trace.records.comparison import (
    Comparison,
    EditEffect,
    MeasureChange,
    Moved,
    VersionChange,
    VersionReport,
)
from smile_trace.records.report import Report, ReportedPart
from smile_trace.render.comparison import layout, report_words
from smile_trace.render.text import number, probability, short, signed, visible

_STYLE = {
    "supports": "bold blue",
    "against": "bold yellow",
    "excluded": "dim",
    "open": "",
}
_MAX_ROWS = 12
_CHANGED = "changed: how much of an answer, on average (1: another answer altogether)"
_INFLUENCE = "influence: what an answer loses without the part, on average (1: all of it)"
_EXCLUDED = (
    "excluded: no measurable difference on average; the percentage is the most calls that "
    "may need the part"
)
_MATTERED = (
    "mattered in: of the calls that hold it · interval: the share of all such calls · loss: what "
    "an answer loses without it, on average (1: all of it), where it was removed alone · "
    "open: calls that do not settle it"
)


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print the summary, each change, each version's segments by influence, and what mattered. What
    says nothing is counted in a line."""
    console = console or Console()
    console.print(Text(visible(comparison.summary), style="bold"))
    for change in comparison.changes:
        _print_change(comparison, change, console)
    for version in comparison.versions:
        _print_version(comparison.prompt, version, console)
    verdicts = {item.verdict for version in comparison.versions for item in version.segments}
    if verdicts - {"open"}:
        notes = [_INFLUENCE, *([_EXCLUDED] if "excluded" in verdicts else [])]
        console.print(Text("\n" + "\n".join(notes), style="dim"))
    if comparison.mattered is not None:
        _print_groups(comparison.mattered, console)


def _table(console: Console, part: str, *columns: str, reserved: int) -> Table:
    """A table that fits the console: beside `part`, columns of `reserved` characters in all."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    room = console.width - 2 - reserved - 2 * (len(columns) + 1)
    table.add_column(part, max_width=max(16, room), overflow="ellipsis")
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _print_table(table: Table, console: Console, *notes: str) -> None:
    """Print the rows, if there are any, and the notes that are not empty."""
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 2)))
    for note in filter(None, notes):
        console.print(Padding(Text(note, style="dim"), (0, 0, 0, 2)))


def _print_change(comparison: Comparison, change: VersionChange, console: Console) -> None:
    before, after = (comparison.versions[k].label for k in (change.before, change.after))
    console.print(Text(f"\n{visible(before)} → {visible(after)}", style="bold dim"))
    _print_answers(change, console)
    _print_influences(comparison, change, console)
    _print_traffic(change, console)
    for why in (change.why_no_answers, change.why_no_edits, change.why_no_influences):
        if why:
            console.print(Padding(Text(f"not compared: {visible(why)}", style="dim"), (0, 0, 0, 2)))


def _print_answers(change: VersionChange, console: Console) -> None:
    """The answers, by edit."""
    if (a := change.answers) is None:
        return
    title = f"answers on {layout.inputs(a.inputs)}"
    columns = ("another answer", "changed", "90 % interval", "p")
    table = _table(console, title, *columns, reserved=14 + 7 + 13 + 6)
    effects = layout.effects_of(change)
    shown = [effect for effect in effects if not layout.ruled_out(change, effect)]
    whole = _cells(a.distance, a.ci_low, a.ci_high, a.p_value, a.significant)
    table.add_row("everything", _count_cell(a), *whole)
    for e in shown:
        told = _cells(e.distance, e.ci_low, e.ci_high, None, e.named)
        table.add_row(Text(_edits(change, e)), _count_cell(e), *told)
    folded = sum(len(effect.edits) for effect in effects if effect not in shown)
    rest = _count(folded, "edit", f"less than a tenth of the change{layout.moved_most(change)}")
    _print_table(table, console, rest, _CHANGED, layout.ANOTHER)
    console.print()


def _count_cell(found: Moved) -> str:
    return layout.moved_count(found).replace(" (", "\n(")


def _edits(change: VersionChange, effect: EditEffect) -> str:
    return "\n".join(layout.edit_text(change.edits[place]) for place in effect.edits)


def _print_influences(comparison: Comparison, change: VersionChange, console: Console) -> None:
    """The parts whose influence certainly changed."""
    changed = layout.changed_most(change)
    real = [item for item in changed if item.significant][:_MAX_ROWS]
    columns = ("change", "90 % interval", "p")
    table = _table(console, "influence of a part", *columns, reserved=6 + 13 + 6)
    for item in real:
        low, high = item.ci_low or 0.0, item.ci_high or 0.0
        text = short(layout.text_of(comparison, change, item))
        table.add_row(Text(text), *_cells(item.change or 0.0, low, high, item.p_value, True))
    rest = _count(len(changed) - len(real), "part", "no change in influence is certain")
    _print_table(table, console, rest)
    if changed:
        console.print()


def _print_traffic(change: VersionChange, console: Console) -> None:
    """The figures of the traffic and the rates of the probes that certainly changed."""
    columns = ("change", "90 % interval", "p")
    table = _table(console, "traffic", *columns, reserved=8 + 19 + 6)
    for m in change.measures:
        if m.significant:
            what = f"{_measure(m)}: {number(m.before)} → {number(m.after)}"
            interval = Text(f"{number(m.ci_low)} … {number(m.ci_high)}", style="dim")
            table.add_row(what, number(m.change), interval, probability(m.p_value))
    for probe in change.probes:
        if probe.significant:
            what = f"{probe.title}: {probe.before.value:.0%} → {probe.after.value:.0%} of answers"
            d = probe.change
            table.add_row(Text(short(what)), *_cells(d.value, d.ci_low, d.ci_high, probe.p_value))
    same = [_measure(m) for m in change.measures if not m.significant]
    same += [probe.title for probe in change.probes if not probe.significant]
    told = f"no certain change: {short(', '.join(same), 400)}" if same else ""
    _print_table(table, console, told)


def _measure(measure: MeasureChange) -> str:
    return layout.MEASURE_WORDS.get(measure.name, measure.name)


def _count(number: int, noun: str, what: str) -> str:
    return f"{number} more {noun}{'' if number == 1 else 's'}: {what}" if number else ""


def _cells(
    value: float, low: float, high: float, p_value: float | None, significant: bool = True
) -> tuple[Text, Text, Text]:
    return (
        Text(signed(value), style="bold" if significant else "dim"),
        Text(f"{signed(low)} … {signed(high)}", style="dim"),
        Text(probability(p_value)),
    )


def _print_version(prompt: str, version: VersionReport, console: Console) -> None:
    if version.rows or version.dropped:
        calls = f"{version.explained:,} call{'' if version.explained == 1 else 's'}"
        measured = (
            f"{calls}, {version.rows:,} perturbed prompts" if version.rows else "not measured"
        )
        console.print(Text(f"\nversion {visible(version.label)}: {measured}", style="bold dim"))
    if version.rows:
        known = [i for i in layout.ranked(version) if i.verdict != "open"]
        columns = ("influence", "90 % interval", "verdict")
        table = _table(console, "part", *columns, reserved=9 + 13 + 25)
        for item in known[:_MAX_ROWS]:
            says = item.verdict == "excluded" and item.may_need < layout.ANY_CALL
            rare = f", ≤ {100 * item.may_need:.0f} % of calls" if says else ""
            table.add_row(
                Text(short(layout.part_text(item.segment)), style=_STYLE[item.verdict]),
                signed(item.influence),
                Text(f"{signed(item.ci_low)} … {signed(item.ci_high)}", style="dim"),
                "not tested" if item.untested else item.verdict + rare,
            )
        more = _count(len(known[_MAX_ROWS:]), "part", "on the page (--html)")
        rest = (layout.open_parts(version), layout.unmeasured(version))
        _print_table(table, console, more, *rest)
    notes = [f"not used: {why}" for why in version.dropped]
    for note in filter(None, [*notes, layout.to_tell_more(prompt, version)]):
        console.print(Padding(Text(visible(note), style="dim"), (0, 0, 0, 2)))


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the summary, and each group's parts."""
    console = console or Console()
    console.print(Text(visible(report.summary), style="bold"))
    _print_groups(report, console)


def _print_groups(report: Report, console: Console) -> None:
    if report.citations is not None:
        table = _table(console, *report_words.CITED_HEAD, reserved=30)
        for row in report_words.cited_rows(report.citations):
            table.add_row(*row)
        _print_table(table, console)
    for group in report.groups:
        title = f"\n{report_words.group_title(group)}: {report_words.group_facts(group)}"
        console.print(Text(title, style="bold dim"))
        if group.no_document is not None:
            told = Text(report_words.no_document(group.no_document))
            console.print(Padding(told, (0, 0, 0, 2)))
        shown = report_words.listed(group, _MAX_ROWS)
        _print_table(_parts(shown, console), console, report_words.rest(group, shown))
    if any(report_words.telling(group) for group in report.groups):
        console.print(Text(f"\n{_MATTERED}", style="dim"))


def _parts(parts: Sequence[ReportedPart], console: Console) -> Table:
    changed = [report_words.changed(part).partition(" [")[0] for part in parts]
    told = any(changed)
    columns = ["mattered in", "90 % interval", "open", "loss", *(["change"] if told else [])]
    table = _table(console, "part", *columns, reserved=15 + 13 + 4 + 5 + 8 * told)
    for part, change in zip(parts, changed, strict=True):
        share = part.mattered
        table.add_row(
            Text(report_words.part_name(part), style="blue" if share.count else ""),
            f"{share.count:,} of {share.of:,}",
            Text(per_cent(share.low, share.high), style="dim"),
            f"{share.open:,}" if share.open else "",
            "" if part.attribution is None else signed(part.attribution),
            *([change] if told else []),
        )
    return table
