"""`smile-trace test`: limits on how easily a prompt's answers change, as a gate for CI."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from smile_trace.cli.arguments import (
    SINCE_HELP,
    Application,
    DryRun,
    Yes,
    confirm,
    most_of,
    read_limit,
    since_ns,
)
from smile_trace.cli.drift import drift
from smile_trace.cli.output import GATE_CLOSED, call_bar, check_writable, printable, write_page
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.probes import Probe
    from smile_trace.probes.fixed_set import PreparedCase
    from smile_trace.probes.gate import CheckedLimit
    from smile_trace.probes.logged_calls import PreparedCall
    from smile_trace.records.profile import PromptProfile
    from smile_trace.settings import Settings
    from smile_trace.store import Store


_SPELLED = re.compile(r"--max-([a-z_]+)-sensitivity(=.*)?")


class SpelledLimits(TyperCommand):
    """Takes `--max-order-sensitivity .2` for `--max order=.2`, and so for every probe."""

    def parse_args(self, context: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Rewrite what is spelled out."""
        written, waiting = list[str](), list(args)
        while waiting:
            word = waiting.pop(0)
            if found := _SPELLED.fullmatch(word):
                value = found[2] or (f"={waiting.pop(0)}" if waiting else "")
                written += ["--max", f"{found[1]}{value}"]
            else:
                written.append(word)
        return super().parse_args(context, written)


def gate(
    name: Annotated[str, typer.Argument(help="A prompt, or a function without one.")],
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="PROBE=RATE",
            help="Exit 3 if more of the answers change; --max-PROBE-sensitivity RATE is the same, "
            "cases=RATE is of the failures that people confirmed, and unused_citations=RATE of the "
            "citations in explained answers.",
        ),
    ] = None,
    series: Annotated[
        bool,
        typer.Option(
            "--series",
            help="Show whether the model still answers a fixed set of requests as it did (drift).",
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Start that series again, with the model as it is now as the reference.",
        ),
    ] = False,
    calls: Annotated[
        int,
        typer.Option(min=0, help="Ask this many logged calls now; 0 uses what the worker found."),
    ] = 0,
    file: Annotated[
        Path | None,
        typer.Option(help="With --calls: a template to fill in with the calls' variables."),
    ] = None,
    since: Annotated[
        str, typer.Option(help=f"Profiles and calls since then: {SINCE_HELP}")
    ] = "30d",
    budget: Annotated[int, typer.Option(min=4, help="The most calls to the model for each.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed for the variants.")] = 0,
    app: Application = None,
    allow_unconfirmed: Annotated[
        bool, typer.Option("--allow-unconfirmed", help="Also use probes that nobody has judged.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the profiles to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the limits as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Check in CI how easily a prompt's answers change, or show its model's drift."""
    if (not limits) == (not (series or restart)):
        raise typer.BadParameter(
            "give --max PROBE=RATE, such as --max order=.2 (of the answers, 20 % may change with "
            "the order), or one of --series and --restart"
        )
    if not limits:
        drift(name, restart, json)
        return
    wanted = dict(read_limit(text, "PROBE=RATE, such as --max order=.2") for text in limits)
    most_cases, most_unused = wanted.pop("cases", None), wanted.pop("unused_citations", None)
    if file is not None and not calls:
        raise typer.BadParameter("--file needs --calls: how many are asked with it")
    if html is not None and not wanted:
        raise typer.BadParameter("--html needs a limit on a probe")
    if html is not None:
        check_writable(html)
    from smile_trace.comparison.templates import read_file
    from smile_trace.probes.fixed_set import prepare_cases
    from smile_trace.probes.gate import check_may_gate, checked_names
    from smile_trace.probes.judgements import confirmations_of
    from smile_trace.probes.logged_calls import prepare_calls
    from smile_trace.probes.prompt_profile import together
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    checked_names(wanted)
    settings, begin = Settings(), since_ns(since) / 1e9
    with Store.look(settings) as store:
        check = _Gate(name, store, settings, wanted, most_cases)
        if wanted and calls:
            template = None if file is None else read_file(file)
            how: dict[str, Any] = {"budget": budget, "seed": seed, "app": app}
            check.asked = prepare_calls(store, settings, name, calls, template=template, **how)
        elif wanted:
            newest = check.newest_version()
            found = store.profiles.read(name=name, version=newest, since=begin)
            check.profile = together(" ".join(filter(None, [name, newest])), found, begin)
        check.leave_out_not_measurable()
        if not allow_unconfirmed:
            check_may_gate(check.limits, confirmations_of(store, settings))
        if most_cases is not None:
            check.cases = prepare_cases(store, settings, name, app=app)
        most = check.estimate()
        if dry_run:
            print(_plan(len(check.asked), len(check.cases), check.probes, most))
            return
        for one in most:
            confirm(one, yes=yes)
        check.measure()
        if most_unused is not None:
            check.look_at_citations(most_unused, begin)
    if html is not None and check.profile is not None:
        write_page(html, check.profile.to_html())
    if json:
        print(_as_json(name, check.checked))
    else:
        _print_gate(name if check.profile is None else check.profile.name, check.checked)
    check.say_broken()
    if any(limit.verdict == "broken" for limit in check.checked):
        raise typer.Exit(GATE_CLOSED)


@dataclass
class _Gate:
    """A prompt's limits, while they are checked.

    Attributes:
        limits: on probes that can be measured, by the probe's name.
        most_cases: the limit on the failures that people confirmed, `cases`.
        asked: the logged calls to be asked now, or else
        profile: what the worker found; in the end what was measured.
    """

    name: str
    store: "Store"
    settings: "Settings"
    limits: dict[str, float]
    most_cases: float | None
    asked: "Sequence[PreparedCall]" = ()
    cases: "Sequence[PreparedCase]" = ()
    profile: "PromptProfile | None" = None
    checked: "list[CheckedLimit]" = field(default_factory=list)
    said: int = 0

    @property
    def probes(self) -> "list[Probe]":
        """The probes of the limits."""
        from smile_trace.probes import chosen

        return chosen(list(self.limits))

    def newest_version(self) -> str | None:
        """The prompt's newest version; None for a function."""
        with self.store.reading_prompts() as prompts:
            return next(iter(prompts.versions(self.name)[-1:]), None)

    def look_at_citations(self, limit: float, since: float) -> None:
        """Check the citations in the answers of the newest version that are explained already."""
        from smile_trace.comparison.report import what_mattered
        from smile_trace.probes.gate import check_citations

        version = self.newest_version()
        found = what_mattered(self.store, self.name, since=since, version=version)
        self.checked.append(check_citations(found.citations, limit))

    def leave_out_not_measurable(self) -> None:
        """Say which limits are broken since no call has anything to vary, before people are asked
        to judge, or a model to answer."""
        from smile_trace.probes.api import first_calls
        from smile_trace.probes.gate import not_measurable

        counts = [first_calls(one.prepared, self.probes) for one in self.asked]
        found = {name for calls in counts for name, number in calls.items() if number}
        if self.profile is not None:
            found |= {probe.name for probe in self.profile.probes}
        self.checked = not_measurable(self.limits, found)
        self.limits = {name: limit for name, limit in self.limits.items() if name in found}
        if not self.limits:
            self.asked, self.profile = (), None
        self.say_broken()

    def estimate(self) -> "list[Estimate]":
        """The most that is asked, by model."""
        from smile_trace.explaining.spending import summed
        from smile_trace.probes.api import estimate_profile

        prepared = [*(one.prepared for one in self.asked), *(one.prepared for one in self.cases)]
        return summed(estimate_profile(one, self.probes) for one in prepared)

    def measure(self) -> None:
        """Ask, and check what was measured against the limits."""
        from smile_trace.probes.fixed_set import ask_cases
        from smile_trace.probes.gate import check_cases, check_limits

        if self.asked:
            self.profile = _asked_now(self.name, self.asked, self.probes, self.store, self.settings)
        if self.profile is not None:
            self.checked += check_limits(self.profile, self.limits)
        if self.most_cases is not None:
            answered, failed = ask_cases(self.cases, self.store, self.settings)
            self.checked.append(check_cases(len(self.cases), answered, failed, self.most_cases))

    def say_broken(self) -> None:
        """Say on standard error which limits are broken, each once."""
        for limit in self.checked[self.said :]:
            if limit.verdict == "broken":
                said = f"{printable(limit.title)}: {printable(limit.reason)}"
                print(f"smile-trace: {said}", file=sys.stderr)
        self.said = len(self.checked)


def _plan(calls: int, cases: int, probes: "Sequence[Probe]", most: "Sequence[Estimate]") -> str:
    names = ", ".join(printable(probe.words.name) for probe in probes)
    lines = list[str]()
    if calls:
        lines.append(f"{calls} logged calls would be asked with small changes, for {names}.")
    if cases:
        lines.append(f"{cases} confirmed failures would be asked again, once each.")
    for one in most:
        lines.append(
            f"At most: {most_of(one)} of {printable(one.model)}, {printable(one.address)}."
        )
    return "\n".join([*lines, "Nothing was asked." if most else "Nothing would be asked."])


def _asked_now(
    name: str,
    asked: "Sequence[PreparedCall]",
    probes: "Sequence[Probe]",
    store: "Store",
    settings: "Settings",
) -> "PromptProfile":
    import time

    from smile_trace.probes.logged_calls import profiles_now
    from smile_trace.probes.prompt_profile import together

    def failed(call_id: str, error: SmileTraceError) -> None:
        print(printable(f"{call_id} was not measured: {error}"), file=sys.stderr)

    calls = sum(one.prepared.options.calls for one in asked)
    with call_bar(calls) as on_answers:
        profiles = profiles_now(
            name, asked, probes, store, settings, on_answers=on_answers, on_failure=failed
        )
        found = list(profiles)
    if not found:
        raise SmileTraceError(f"none of the {len(asked)} calls could be measured")
    return together(name, found, time.time())


def _as_json(name: str, checked: "Sequence[CheckedLimit]") -> str:
    import json

    limits = [one.model_dump(mode="json") for one in checked]
    return json.dumps({"name": name, "limits": limits}, indent=2)


def _print_gate(name: str, checked: "Sequence[CheckedLimit]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from smile_trace.render.profile import CHANGED

    console = Console(highlight=False)
    console.print(Text(printable(name), style="bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for column in ("", "answers changed", "interval", "beyond controls", "calls", "limit", ""):
        table.add_column(column)
    for one in checked:
        rate, beyond = one.rate, one.beyond
        table.add_row(
            Text(printable(one.title)),
            "not measured" if rate is None else f"{rate.value:.0%}",
            "" if rate is None else f"{rate.ci_low:.0%} to {rate.ci_high:.0%}",
            "" if beyond is None else f"{beyond.value:+.0%} ({beyond.ci_low:+.0%} at least)",
            f"{one.calls}",
            f"{one.limit:.0%}",
            Text(one.verdict, style="bold red" if one.verdict == "broken" else ""),
        )
    console.print(table)
    if any(one.rate is not None for one in checked):
        console.print(Text(CHANGED, style="dim"))
