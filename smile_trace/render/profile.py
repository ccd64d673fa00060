"""Profiles as tables, of one call and of a prompt: in the terminal, as pages, as a DataFrame. Every
text is escaped."""

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smile_trace._text.lists import per_cent
from smile_trace.records.profile import (
    ProbeChange,
    ProbeResult,
    ProbeStatus,
    Profile,
    PromptProbe,
    PromptProfile,
    Rate,
)
from smile_trace.render.html import LONGEST_TITLE, filled
from smile_trace.render.review import confirmed
from smile_trace.render.scores import frame
from smile_trace.render.text import difference, short, visible

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

STATUS: dict[ProbeStatus, str] = {
    "found": "changes it",
    "partly": "a part is lost",
    "none": "no effect seen",
    "inconclusive": "not settled",
}

CHANGED = "changed: at least half of the answer is lost"
COLUMNS = (
    *("name", "value", "ci_low", "ci_high", "status", "p_value", "changed", "calls", "failed"),
    *("reason", "cannot_say"),
)
"""Fields of a ProbeResult, in the order of a DataFrame's columns."""

_STYLES: dict[ProbeStatus, str] = {
    "found": "bold yellow",
    "partly": "yellow",
    "none": "green",
    "inconclusive": "dim",
}
_WIDTH, _WIDE = 10, 100
"""Characters of a bar in the terminal, and of a line that has place for the control."""


def status_of(result: ProbeResult) -> str:
    """Return the status in words."""
    return STATUS[result.status] if result.calls else "not asked"


def counts_of(result: ProbeResult) -> str:
    """Return `4 of 10`; empty if it was not asked."""
    return f"{result.changed} of {result.calls}" if result.calls else ""


def interval_of(result: ProbeResult) -> str:
    """Return `12 to 61 %`; empty if it was not asked."""
    return per_cent(result.ci_low, result.ci_high) if result.calls else ""


def confirmed_by(result: ProbeResult) -> str:
    """Return how far people confirm a probe that was found, or that nobody has judged it; empty for
    others."""
    if result.status != "found" or result.confirmation is None:
        return ""
    return confirmed(result.confirmation)


def facts(profile: Profile) -> str:
    """Return model, calls, seed and level of the intervals."""
    return (
        f"{short(profile.model, 60)} · {profile.cost.target_calls} calls · seed {profile.seed} · "
        f"intervals {profile.interval_level:.0%} · {CHANGED}"
    )


def profile_to_html(profile: Profile, *, fragment: bool = False) -> str:
    """Return the profile as a page, or as a fragment with its own scoped styles."""
    return filled(
        "profile.html.j2",
        fragment=fragment,
        title="How does the answer change?",
        profile=profile,
        status_of=status_of,
        counts_of=counts_of,
        interval_of=interval_of,
        confirmed_by=confirmed_by,
        difference=lambda result: difference(profile.messages, result.worst.messages),
        facts=facts(profile),
    )


def print_profile(profile: Profile, console: Console | None = None) -> None:
    """Print the summary, a bar per probe, and the most telling variant of what was found."""
    console = console or Console()
    console.print(Text(visible(profile.summary), style="bold"))
    if profile.note:
        console.print(Text(profile.note, style="yellow"))
    console.print(Padding(Text.assemble(("→ ", "dim"), short(profile.answer, 300)), (1, 2, 0, 2)))
    console.print(Padding(_table(profile, wide=console.width >= _WIDE), (1, 1)))
    for result in (*profile.found, *(r for r in profile.results.values() if r.status == "partly")):
        if result.worst is not None:
            console.print(
                Text(f"{result.title}: {short(result.worst.what, 200)}", style="bold dim")
            )
            answer = short(result.worst.answer, 300) or "(empty answer)"
            console.print(Padding(Text.assemble(("→ ", "dim"), answer), (0, 2, 1, 2)))
    for result in profile.results.values():
        if told := confirmed_by(result):
            console.print(Text(f"{result.title}: {told}.", style="yellow"))
    for result in profile.results.values():
        if not result.calls:
            told = f"{result.title}: not asked. {result.reason}"
            console.print(Text(short(told, 200), style="dim"))
    console.print(Text(facts(profile), style="dim"))


def _table(profile: Profile, *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("", "", "changed", "interval", "", *(["against"] if wide else [])):
        table.add_column(name, no_wrap=True)
    for result in profile.results.values():
        if not result.calls:
            continue
        style, control = _STYLES[result.status], result.control
        against = "" if control is None else f"{control.changed} of {control.asked} {control.name}"
        table.add_row(
            Text(short(result.title, 30)),
            _bar(result, style),
            counts_of(result),
            Text(interval_of(result), style="dim"),
            Text(status_of(result), style=style),
            *([Text(against, style="dim")] if wide else []),
        )
    return table


def _bar(result: ProbeResult, style: str) -> Text:
    if result.value is None:
        return Text("")
    value, low, high = (
        round(_WIDTH * share) for share in (result.value, result.ci_low, result.ci_high)
    )
    drawn = "".join("█" if k < value else "─" if low <= k < high else " " for k in range(_WIDTH))
    return Text(drawn, style=style)


def profile_to_frame(profile: Profile) -> "pd.DataFrame":
    """Return one row per probe; the columns are `COLUMNS`, and `control`, its rate. Raises
    ExtraMissing if pandas is not installed."""
    found = [
        [
            *(getattr(result, name) for name in COLUMNS),
            None if result.control is None else result.control.rate,
        ]
        for result in profile.results.values()
    ]
    return frame(found, [*COLUMNS, "control"])


_STEPS = 10


def prompt_profile_to_html(profile: PromptProfile, *, fragment: bool = False) -> str:
    """Return the page: how each probe's rates spread over the calls, and its telling variants."""
    return filled(
        "prompt_profile.html.j2",
        fragment=fragment,
        title=short(f"How do the answers of {profile.name} change?", LONGEST_TITLE),
        profile=profile,
        spread=spread,
        side_by_side=side_by_side,
        rate_text=rate_text,
        change_text=change_text,
        found=_found_in,
        difference=lambda one: difference(one.messages, one.variant.messages),
        facts=_prompt_facts(profile),
    )


def spread(probe: PromptProbe) -> list[tuple[int, int, float]]:
    """Return the distribution of the rates: per tenth its per cent, the number of calls there, and
    that number as a share of the largest."""
    counts = Counter(round(rate * _STEPS) for rate in probe.rates)
    most = max(counts.values())
    return [(100 * k // _STEPS, n, round(n / most, 2)) for k, n in sorted(counts.items())]


def print_prompt_profile(profile: PromptProfile, console: Console | None = None) -> None:
    """Print the summary, and a line per probe."""
    console = console or Console()
    console.print(Text(short(profile.summary, 2000), style="bold"))
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("", "changes the answer of", "interval", "a part of it", "changed (median)"):
        table.add_column(name)
    for probe in profile.probes:
        table.add_row(
            Text(short(probe.title, 30)),
            f"{probe.found} of {probe.calls} calls",
            per_cent(probe.ci_low, probe.ci_high),
            f"in {probe.partly}" if probe.partly else "",
            f"{100 * probe.median:.0f} %",
        )
    console.print(Padding(table, (1, 1)))
    if profile.by_version:
        console.print(Padding(_versions(profile), (0, 1, 1, 1)))
    console.print(Text(_prompt_facts(profile), style="dim"))


def rate_text(rate: Rate | None) -> str:
    """Return a rate with its interval; empty for None."""
    if rate is None:
        return ""
    return f"{rate.value:.0%} ({rate.ci_low:.0%} to {rate.ci_high:.0%})"


def change_text(change: ProbeChange | None) -> str:
    """Return a change in percentage points with its interval, and whether it may be luck."""
    if change is None:
        return ""
    moved = change.change
    points = [f"{100 * value:+.0f}" for value in (moved.value, moved.ci_low, moved.ci_high)]
    said = f"{points[0]} points ({points[1]} to {points[2]})"
    return said if change.significant else f"{said}, maybe luck"


def side_by_side(
    profile: PromptProfile,
) -> list[tuple[str, list[Rate | None], ProbeChange | None]]:
    """Return each probe's title, its rate in each version, and the change to the last version."""
    changes = {change.name: change for change in profile.changes}
    rates = [{one.name: one.rate for one in version.probes} for version in profile.by_version]
    return [
        (probe.title, [of.get(probe.name) for of in rates], changes.get(probe.name))
        for probe in profile.probes
    ]


def _versions(profile: PromptProfile) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("answers changed")
    for version in profile.by_version:
        calls = f"{version.calls} call{'' if version.calls == 1 else 's'}"
        table.add_column(Text(f"{short(version.version or 'no version', 30)}, {calls}"))
    table.add_column("last change")
    for title, rates, change in side_by_side(profile):
        table.add_row(Text(short(title, 30)), *map(rate_text, rates), change_text(change))
    return table


def _found_in(probe: PromptProbe) -> str:
    interval = per_cent(probe.ci_low, probe.ci_high)
    open_ = probe.calls - probe.found - probe.partly - probe.none
    part = f"a part of it in {probe.partly}; " if probe.partly else ""
    rest = f"; not settled in {open_}" if open_ else ""
    return (
        f"It changes the answer of {probe.found} of {probe.calls} calls ({interval}); {part}no "
        f"effect seen in {probe.none}{rest}. In the middle one, {100 * probe.median:.0f} % of the "
        "answers changed."
    )


def _prompt_facts(profile: PromptProfile) -> str:
    versions = f" · versions {short(', '.join(profile.versions), 100)}" if profile.versions else ""
    return (
        f"{short(profile.name, 60)}{versions} · {profile.calls} calls profiled since "
        f"{profile.since[:10]} · intervals {profile.interval_level:.0%} · of the findings at most "
        f"{profile.false_discovery_rate:.0%} are expected to be false · {CHANGED}"
    )
