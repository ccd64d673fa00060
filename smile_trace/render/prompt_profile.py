"""A PromptProfile as a page and in the terminal. Every text is escaped."""

from collections import Counter

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smile_trace.records.prompt_profile import ProbeChange, PromptProbe, PromptProfile, Rate
from smile_trace.render.difference import difference
from smile_trace.render.html import LONGEST_TITLE, TEMPLATES
from smile_trace.render.text import short, visible

_STEPS = 10
"""Into so many parts the shares from 0 to 1 are divided where their distribution is drawn."""


def prompt_profile_to_html(profile: PromptProfile) -> str:
    """The page: for each probe how its rates spread over the calls, and its telling variants."""
    return TEMPLATES.get_template("prompt_profile.html.j2").render(
        fragment=False,
        title=short(f"How do the answers of {profile.name} change?", LONGEST_TITLE),
        profile=profile,
        spread=spread,
        side_by_side=side_by_side,
        rate_text=rate_text,
        change_text=change_text,
        found=_found,
        difference=lambda one: difference(one.messages, one.variant.messages),
        facts=_facts(profile),
        short=short,
        visible=visible,
    )


def spread(probe: PromptProbe) -> list[tuple[int, int, float]]:
    """The distribution of the rates: per tenth its per cent, the calls there, and their number
    as a share of the largest."""
    counts = Counter(round(rate * _STEPS) for rate in probe.rates)
    most = max(counts.values())
    return [(100 * k // _STEPS, n, round(n / most, 2)) for k, n in sorted(counts.items())]


def print_prompt_profile(profile: PromptProfile, console: Console | None = None) -> None:
    """Print the summary, and a line per probe."""
    console = console or Console()
    console.print(Text(short(profile.summary, 2000), style="bold"))
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("", "changes the answer of", "interval", "answers changed (median)"):
        table.add_column(name)
    for probe in profile.probes:
        table.add_row(
            Text(short(probe.title, 30)),
            f"{probe.found} of {probe.calls} calls",
            f"{100 * probe.ci_low:.0f} to {100 * probe.ci_high:.0f} %",
            f"{100 * probe.median:.0f} %",
        )
    console.print(Padding(table, (1, 1)))
    if profile.by_version:
        console.print(Padding(_versions(profile), (0, 1, 1, 1)))
    console.print(Text(_facts(profile), style="dim"))


def rate_text(rate: Rate | None) -> str:
    """A rate with its interval; empty where there is none."""
    if rate is None:
        return ""
    return f"{rate.value:.0%} ({rate.ci_low:.0%} to {rate.ci_high:.0%})"


def change_text(change: ProbeChange | None) -> str:
    """A change in percentage points with its interval, and whether it is more than luck."""
    if change is None:
        return ""
    moved = change.change
    points = [f"{100 * value:+.0f}" for value in (moved.value, moved.ci_low, moved.ci_high)]
    said = f"{points[0]} points ({points[1]} to {points[2]})"
    return said if change.significant else f"{said}, maybe luck"


def side_by_side(
    profile: PromptProfile,
) -> list[tuple[str, list[Rate | None], ProbeChange | None]]:
    """Per probe its title, its rate in each version, and the change from the last but one to the
    last."""
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


def _found(probe: PromptProbe) -> str:
    interval = f"{100 * probe.ci_low:.0f} to {100 * probe.ci_high:.0f} %"
    open_ = probe.calls - probe.found - probe.none
    rest = f"; not settled in {open_}" if open_ else ""
    return (
        f"It changes the answer of {probe.found} of {probe.calls} calls ({interval}); no effect "
        f"seen in {probe.none}{rest}. In the middle one, {100 * probe.median:.0f} % of the answers "
        "changed."
    )


def _facts(profile: PromptProfile) -> str:
    versions = f" · versions {short(', '.join(profile.versions), 100)}" if profile.versions else ""
    return (
        f"{short(profile.name, 60)}{versions} · {profile.calls} calls profiled since "
        f"{profile.since[:10]} · intervals {profile.interval_level:.0%} · of the findings at most "
        f"{profile.false_discovery_rate:.0%} are expected to be false"
    )
