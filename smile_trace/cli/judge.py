"""`smile-trace review judge`: a model judges variants, to be measured against people."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import DryRun, Yes
from smile_trace.cli.confirmation import confirm, most_of
from smile_trace.cli.output import printable
from smile_trace.cli.review import Name, Number, Seed, Since
from smile_trace.cli.since import since_ns
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.review import Judged


def judge(
    model: Annotated[
        str | None,
        typer.Argument(help="A model of the settings, or demo; by default judge of \\[review]."),
    ] = None,
    number: Number = 30,
    name: Name = None,
    since: Since = "30d",
    seed: Seed = 0,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Ask a model what people are asked about variants: first about those that they have judged."""
    from smile_trace.probes.judge import judge_id
    from smile_trace.review import ask_judge, estimate_judging, worth_a_minute
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    who = model or settings.review.judge
    if who is None:
        raise SmileTraceError("name a model of the settings, or set judge in [review]")
    store = Store.look(settings)
    try:
        tasks = worth_a_minute(
            store,
            number,
            judge=judge_id(who, settings),
            name=name,
            since=since_ns(since) / 1e9,
            seed=seed,
        )
        if not tasks:
            raise SmileTraceError(
                f"there is no variant that {who} has not judged, of a profile made since {since}"
            )
        most = estimate_judging(who, tasks, settings)
        if dry_run:
            print(_plan(len(tasks), most))
            return
        confirm(most, yes=yes)
        found = ask_judge(who, tasks, store, settings)
    finally:
        store.close()
    print(_told(who, found))
    if found.failed:
        print(
            printable(f"{found.failed} were not answered: {found.failure}; ask again"),
            file=sys.stderr,
        )
    if not found.judged + found.unreadable:
        raise typer.Exit(1)


def _plan(number: int, most: "Estimate") -> str:
    return (
        f"{number} variants would be judged by {printable(most.model)}, "
        f"{printable(most.address)}.\nAt most: {most_of(most)}.\nNothing was asked."
    )


def _told(who: str, found: "Judged") -> str:
    said = f"{printable(who)} judged {found.judged} variants"
    if found.unreadable:
        said += f"; {found.unreadable} replies were not of the form that was asked for"
    return f"{said}. smile-trace review read says how far it agrees with people."
