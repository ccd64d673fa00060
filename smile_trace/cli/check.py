"""`smile-trace check`: in CI, what a branch does to its prompts' answers, and limits on it."""

import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from smile_trace.cli.arguments import (
    SINCE_HELP,
    Application,
    DryRun,
    Yes,
    confirm,
    most_of,
    names_in,
    read_limit,
    since_ns,
)
from smile_trace.cli.drift import drift
from smile_trace.cli.output import (
    GATE_CLOSED,
    call_bar,
    check_writable,
    no_commands,
    printable,
    write_page,
)
from smile_trace.cli.replay import read_parameter
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.comparison.branch import Branch
    from smile_trace.comparison.check import Check
    from smile_trace.comparison.checked import Checked
    from smile_trace.comparison.prompt_check import Limits
    from smile_trace.explaining import Estimate
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


def check(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Prompts, or functions; by default the prompts that the branch changes."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="The git revision that the branch is compared with; by default the pull request's "
            "target, else the default branch."
        ),
    ] = None,
    versions: Annotated[
        str,
        typer.Option(help="Compare these two logged versions of the PROMPT, separated by a comma."),
    ] = "",
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--max",
            metavar="NAME=LIMIT",
            help="A limit; above it the exit code is 3. NAME is answer_change (how much the "
            "answers, or a field of JSON answers, change), drop:PART (how much of a part's "
            "influence is lost), a probe (the share of answers that it changes), cases (the share "
            "of confirmed failures that still fail) or unused_citations (their share).",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The model to ask, from the settings, or demo; by default that of the logged "
            "calls."
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A request parameter for given cases, such as temperature=0.",
        ),
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="For probes, how many calls to probe; 0 uses what the worker found. By default "
            "20 for a changed prompt.",
        ),
    ] = None,
    since: Annotated[
        str, typer.Option(help=f"For limits, use what the worker found since then: {SINCE_HELP}")
    ] = "30d",
    budget: Annotated[
        int,
        typer.Option(
            min=0, help="Maximum number of calls to compare a prompt, and to probe each call."
        ),
    ] = 40,
    seed: Annotated[int, typer.Option(help="Seed for all random choices.")] = 0,
    app: Application = None,
    allow_unconfirmed: Annotated[
        bool, typer.Option("--allow-unconfirmed", help="Also use probes that nobody has judged.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary to this file, as Markdown.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    file: Annotated[Path | None, typer.Option(hidden=True)] = None,
    html: Annotated[Path | None, typer.Option(hidden=True)] = None,
    series: Annotated[bool, typer.Option("--series", hidden=True)] = False,
    restart: Annotated[bool, typer.Option("--restart", hidden=True)] = False,
) -> None:
    """Check in CI, against limits, what a branch's prompt changes do to the answers."""
    if (versions or file or series or restart) and len(prompts or ()) != 1:
        raise typer.BadParameter("--versions and --file need one PROMPT")
    if prompts and (series or restart):
        print("smile-trace drift NAME shows the series now", file=sys.stderr)
        drift(prompts[0], restart, json)
        return
    for written in filter(None, (summary, html)):
        check_writable(written)
    from smile_trace.comparison.check import Check
    from smile_trace.comparison.prompt_check import How
    from smile_trace.comparison.templates import read_file
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    most, settings = _read_limits(limits or ()), Settings()
    given = dict(map(read_parameter, parameters or ()))
    begin = since_ns(since) / 1e9
    how = How(model, app, budget, seed, calls, begin, given, allow_unconfirmed)
    with Store.open(settings) as store:  # a pipeline has no home yet
        branch = None if versions or file else _branch(store, base, alone=not prompts)
        checks = Check(store, settings, most, how, branch)
        for name in prompts or (one.name for one in (branch.prompts if branch else ())):
            template = None if file is None else read_file(file)
            checks.add(name, names_in(versions), template)
        estimates = checks.estimates()
        if dry_run:
            with no_commands():
                print(_plan(checks, estimates))
            return
        for one in estimates:
            confirm(one, yes=yes)
        with call_bar(sum(len(one.asked) for one in checks.prompts) * budget) as on_answers:
            found = checks.run(on_answers, _failed)
    if html is not None:
        write_page(html, "\n".join(one.profile.to_html() for one in checks.prompts if one.profile))
    _show(found, summary, json=json)
    unmeasured = found.unchecked if limits and not prompts else ()
    for changed in unmeasured:
        said = f"{printable(changed)}: its limits could not be measured"
        print(f"smile-trace: {said}", file=sys.stderr)
    if found.broken or unmeasured:
        raise typer.Exit(GATE_CLOSED)


def _read_limits(written: Sequence[str]) -> "Limits":
    from smile_trace.comparison.limits import DROP
    from smile_trace.comparison.prompt_check import Limits
    from smile_trace.probes.gate import checked_names

    form = "NAME=LIMIT, such as --max answer_change=.2 (at most 20 % of the answers)"
    named = dict(read_limit(text, form) for text in written)
    own = {name: named.pop(name, None) for name in Limits._fields[2:]}
    drops = {name: named.pop(name) for name in [*named] if name.startswith(DROP)}
    checked_names(named)
    return Limits(named, {name.removeprefix(DROP): most for name, most in drops.items()}, **own)


def _branch(store: "Store", base: str | None, *, alone: bool) -> "Branch | None":
    """What the branch changes; None outside of a repository, where prompts are named."""
    from smile_trace.comparison.branch import changed_prompts
    from smile_trace.comparison.evidence import prompt_with
    from smile_trace.comparison.git import NoBase
    from smile_trace.comparison.sent_texts import sent_texts

    try:
        return changed_prompts(Path.cwd(), base, prompt_with(store), partial(sent_texts, store))
    except NoBase:
        if alone or base is not None:
            raise
        return None


def _plan(checks: "Check", most: "Sequence[Estimate]") -> str:
    lines = list[str]()
    for one in checks.prompts:
        name, probes = printable(one.name), (printable(probe.words.name) for probe in one.probes)
        if one.comparison is not None:
            before, after = (printable(column.label) for column in one.comparison.columns[-2:])
            lines.append(f"{name} would be compared from {before} to {after}.")
        if one.asked:
            small = f"sent again with small changes, for {', '.join(probes)}"
            lines.append(f"{len(one.asked)} calls of {name} would be {small}.")
        if one.cases:
            lines.append(f"{len(one.cases)} confirmed failures would be sent again, once each.")
        lines += (f"{name}: {printable(note)}" for note in one.notes)
    lines += map(printable, checks.notes)
    for bound in most:
        lines.append(
            f"At most: {most_of(bound)} of {printable(bound.model)}, {printable(bound.address)}."
        )
    return "\n".join([*lines, "Nothing was sent." if most else "Nothing would be sent."])


def _failed(call_id: str, error: SmileTraceError) -> None:
    print(printable(f"smile-trace: {call_id} was not measured: {error}"), file=sys.stderr)


def _show(found: "Checked", summary: Path | None, *, json: bool) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from smile_trace.comparison.check_summary import to_markdown

    shown = to_markdown(found)
    if summary is not None:
        write_page(summary, shown)
    if json:
        print(found.model_dump_json(indent=2))
    else:
        with no_commands():
            Console(highlight=False).print(Markdown(shown, hyperlinks=False))
    for name, limit in found.broken:
        said = f"{printable(name)}: {printable(limit.title)}: {printable(limit.reason)}"
        print(f"smile-trace: {said}", file=sys.stderr)
