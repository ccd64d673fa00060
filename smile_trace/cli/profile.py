"""`smile-trace profile` and `test`: how an answer changes with its request, over a prompt's calls,
as a gate for CI, and over time."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from smile_trace.cli.arguments import (
    SINCE_HELP,
    Answer,
    Application,
    DryRun,
    Model,
    Prompt,
    PromptFile,
    TraceId,
    Yes,
    confirm,
    most_of,
    read_limit,
    since_ns,
)
from smile_trace.cli.output import (
    GATE_CLOSED,
    CallBar,
    check_writable,
    printable,
    read_text,
    show_result,
    write_page,
)
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.probes import Probe
    from smile_trace.probes.drift import DriftProbe
    from smile_trace.probes.fixed_set import PreparedCase
    from smile_trace.probes.gate import CheckedLimit
    from smile_trace.probes.logged_calls import PreparedCall
    from smile_trace.records.profile import PromptProfile
    from smile_trace.settings import Settings
    from smile_trace.store import Store


def profile(
    trace_id: TraceId = None,
    prompt: Prompt = None,
    file: PromptFile = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The calls of this prompt, or function without one, that the worker profiled.",
        ),
    ] = None,
    since: Annotated[str, typer.Option(help=f"With --name: profiles since. {SINCE_HELP}")] = "30d",
    answer: Answer = None,
    model: Model = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", help="Only this probe, and the two controls; repeatable."),
    ] = None,
    budget: Annotated[int, typer.Option(min=4, help="The most calls to the model.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed for the variants.")] = 0,
    app: Application = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Profile as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show how an answer changes with its request: --prompt TEXT, --file F, TRACE_ID, --name NAME.

    With --name nothing is asked.
    """
    if sum(given is not None for given in (trace_id, prompt, file, name)) != 1:
        raise typer.BadParameter("give exactly one of --prompt, --file, TRACE_ID and --name")
    if name is not None:
        profiles(name, since, html, json)
        return
    if model is None and trace_id is None:
        raise typer.BadParameter("give --model NAME (demo is the packaged one)")
    if html is not None:
        check_writable(html)
    from smile_trace.explaining.options import Question
    from smile_trace.explaining.preparation import prepare
    from smile_trace.probes import chosen, profile_prepared
    from smile_trace.probes.api import estimate_profile, first_calls
    from smile_trace.settings import Settings

    taken, settings = chosen(probes), Settings()
    question = Question(
        prompt if file is None else read_text(file),
        model=model,
        trace_id=trace_id,
        answer=answer,
        budget=budget,
        seed=seed,
        app=app,
    )
    prepared = prepare(question, settings)
    most = estimate_profile(prepared, taken)
    if dry_run:
        print(
            most.model_dump_json(indent=2)
            if json
            else _first_asked(first_calls(prepared, taken), most)
        )
        return
    confirm(most, yes=yes)
    with CallBar(budget) as on_answers:
        found = profile_prepared(prepared, settings, taken, on_answers=on_answers)
    show_result(found, html=html, json=json)


def _first_asked(first: dict[str, int], most: "Estimate") -> str:
    asked = [f"  {printable(name)}: {calls} calls" for name, calls in first.items() if calls]
    missing = ", ".join(printable(name) for name, calls in first.items() if not calls)
    lines = [
        "The prompt would be asked again with small changes, starting with:",
        *asked,
        *([f"It has nothing to vary for: {missing}."] if missing else []),
        f"These are {sum(first.values())} calls. Probes that change the answer then take more.",
        f"At most: {most_of(most)}.",
        "Nothing was asked.",
    ]
    return "\n".join(lines)


def profiles(
    name: Annotated[str, typer.Argument(help="A prompt, or a function without one.")],
    since: Annotated[str, typer.Option(help=SINCE_HELP)] = "30d",
    html: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show how the answers of a prompt change with its requests, over its profiled calls."""
    from smile_trace.probes.prompt_profile import profile_of_prompt

    found = profile_of_prompt(name, since=since_ns(since) / 1e9)
    show_result(found, html=html, json=json)


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
            "and cases=RATE is of the failures that people confirmed.",
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
    since: Annotated[str, typer.Option(help=f"Profiles made since then: {SINCE_HELP}")] = "30d",
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
        raise typer.BadParameter("give --max PROBE=RATE, or one of --series and --restart")
    if not limits:
        drift(name, restart, json)
        return
    wanted = dict(read_limit(text, "PROBE=RATE, such as --max order=.2") for text in limits)
    most_cases = wanted.pop("cases", None)
    if file is not None and not calls:
        raise typer.BadParameter("--file needs --calls: how many are asked with it")
    if html is not None and not wanted:
        raise typer.BadParameter("--html needs a limit on a probe")
    if html is not None:
        check_writable(html)
    from smile_trace.comparison.templates import read_file
    from smile_trace.explaining.spending import summed
    from smile_trace.probes import chosen
    from smile_trace.probes.api import estimate_profile
    from smile_trace.probes.fixed_set import ask_cases, prepare_cases
    from smile_trace.probes.gate import (
        check_cases,
        check_limits,
        check_may_gate,
        checked_names,
        not_measurable,
    )
    from smile_trace.probes.judgements import confirmations_of
    from smile_trace.probes.logged_calls import prepare_calls
    from smile_trace.probes.prompt_profile import together
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    probes, profile = chosen(checked_names(wanted)), None
    settings, begin = Settings(), since_ns(since) / 1e9
    store = Store.look(settings)
    try:
        asked, cases = list["PreparedCall"](), list["PreparedCase"]()
        if wanted and calls:
            asked = prepare_calls(
                store,
                settings,
                name,
                calls,
                budget=budget,
                seed=seed,
                app=app,
                template=None if file is None else read_file(file),
            )
        elif wanted:
            profile = together(name, store.profiles.read(name=name, since=begin), begin)
        checked = not_measurable(wanted, _measurable(asked, probes, profile))
        _say_broken(checked)  # before people are asked to judge, or a model to answer
        said, wanted = len(checked), _without(wanted, checked)
        if not allow_unconfirmed:
            check_may_gate(wanted, confirmations_of(store, settings))
        probes = chosen(list(wanted))
        if not wanted:
            asked, profile = [], None
        if most_cases is not None:
            cases = prepare_cases(store, settings, name, app=app)
        prepared = [one.prepared for one in asked] + [one.prepared for one in cases]
        most = summed(estimate_profile(one, probes) for one in prepared)
        if dry_run:
            print(_plan(len(asked), len(cases), probes, most))
            return
        for one in most:
            confirm(one, yes=yes)
        if asked:
            profile = _asked_now(name, asked, probes, store, settings)
        if profile is not None:
            checked += check_limits(profile, wanted)
        if most_cases is not None:
            answered, failed = ask_cases(cases, store, settings)
            checked.append(check_cases(len(cases), answered, failed, most_cases))
    finally:
        store.close()
    if html is not None and profile is not None:
        write_page(html, profile.to_html())
    if json:
        print(_as_json(name, checked))
    else:
        _print_gate(name, checked)
    _say_broken(checked[said:])
    if any(limit.verdict == "broken" for limit in checked):
        raise typer.Exit(GATE_CLOSED)


def _say_broken(checked: "Sequence[CheckedLimit]") -> None:
    for limit in checked:
        if limit.verdict == "broken":
            said = f"{printable(limit.title)}: {printable(limit.reason)}"
            print(f"smile-trace: {said}", file=sys.stderr)


def _without(wanted: dict[str, float], checked: "Sequence[CheckedLimit]") -> dict[str, float]:
    done = {limit.probe for limit in checked}
    return {name: limit for name, limit in wanted.items() if name not in done}


def _measurable(
    asked: "Sequence[PreparedCall]", probes: "Sequence[Probe]", profile: "PromptProfile | None"
) -> set[str]:
    """The probes that were measured, or that have something to vary in a call that is asked."""
    from smile_trace.probes.api import first_calls

    counts = [first_calls(one.prepared, probes) for one in asked]
    found = {name for calls in counts for name, number in calls.items() if number}
    return found | ({probe.name for probe in profile.probes} if profile else set())


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
    with CallBar(calls) as on_answers:
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


def drift(
    name: Annotated[str, typer.Argument(help="A prompt, or a function without one.")],
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="Take the model as it is now for the new reference: forget the set, its answers "
            "and its alarm.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show whether the model of a prompt still answers a fixed set of requests as it did."""
    from smile_trace.probes.drift import drift_of
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    store = Store.look(settings)
    try:
        if restart:
            if not store.drift.end(name):
                raise SmileTraceError(f"no prompt or function named {name!r} is replayed")
            print(f"{printable(name)} starts again with the worker's next replay.")
            return
        found = drift_of(store, name, settings.drift.false_alarm_rate)
    finally:
        store.close()
    if json:
        print(found.model_dump_json(indent=2))
        return
    print(
        f"{printable(name)}: {found.cases} requests, {found.confirmed} of them failures that "
        f"people confirmed; false alarms at most {found.false_alarm_rate:.3g}"
    )
    for probe in found.probes:
        print("\n".join(_lines(probe, found.reference)))
    if found.alarm_period is not None:
        told = "" if found.told else " (not told yet)"
        print(
            f"Alarm of {found.alarm_period}{told}: it is no longer asked; smile-trace test NAME "
            "--restart takes the model as it is now for the new reference."
        )


def _lines(probe: "DriftProbe", reference: str) -> list[str]:
    begin = f"  {reference}  {probe.reference_changed:>3} of {probe.reference_asked}  reference"
    periods = [
        f"  {one.period}  {one.changed:>3} of {one.asked}  evidence {one.evidence:.3g}"
        + ("  ALARM" if one.evidence >= probe.alarm_from else "")
        for one in probe.periods
    ]
    title = (
        f"{printable(probe.probe)}: other answers; an alarm from evidence {probe.alarm_from:.3g} on"
    )
    return [title, begin, *periods]
