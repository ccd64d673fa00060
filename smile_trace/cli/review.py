"""`smile-trace review`: the probes' variants judged by people."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli.arguments import (
    SINCE_HELP,
    Browser,
    DryRun,
    Port,
    Yes,
    confirm,
    most_of,
    since_ns,
)
from smile_trace.cli.deliver import active_trackers
from smile_trace.cli.output import check_writable, printable, serve, write_page
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate
    from smile_trace.probes.review.judge import Judged
    from smile_trace.probes.review.server import JudgeResults
    from smile_trace.records.judgement import Judgement, Reliability, ReviewTask
    from smile_trace.settings import Settings
    from smile_trace.store import Store
    from smile_trace.trackers import Tracker


Number = Annotated[int, typer.Option(min=1, help="Maximum number of variants.")]
Name = Annotated[
    str | None, typer.Option("--prompt", help="Only this prompt or function; all by default.")
]
Since = Annotated[str, typer.Option(help=f"Profiles made since then: {SINCE_HELP}")]
Seed = Annotated[int, typer.Option(help="Seed for the variants drawn at random and for the order.")]


def page(
    context: typer.Context,
    number: Number = 30,
    name: Name = None,
    since: Since = "30d",
    seed: Seed = 0,
    reviewer: Annotated[
        str | None, typer.Option("--as", help="Your name; your login by default.")
    ] = None,
    port: Port = 0,
    browser: Browser = True,
) -> None:
    """Judge prompt variants on a local page, by keyboard; stop with Ctrl+C."""
    if context.invoked_subcommand is not None:
        return
    from smile_trace.probes.review.server import ReviewServer
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    who = (reviewer or getpass.getuser()).strip()
    if not who:
        raise SmileTraceError("--as is empty: give a name")
    with Store.look(Settings()) as store:
        tasks = _worth_a_minute(store, number, name, since, seed, reviewer=who)

        def keep(task: "ReviewTask", judgement: "Judgement") -> None:
            store.judgements.keep([(task.item, judgement)])

        with ReviewServer(tasks, who, keep, port) as server:
            serve(server, f"{len(tasks)} variants to judge: {server.url}", browser=browser)
            print(f"\n{len(server.given)} of {len(tasks)} judged; see smile-trace review read.")


Queue = Annotated[str, typer.Option(help="The review queue's name.")]


def send(
    queue: Queue,
    number: Number = 30,
    name: Name = None,
    since: Since = "30d",
    seed: Seed = 0,
) -> None:
    """Put variants that nobody has judged into the active trackers' review queues."""
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    with with_queues(settings) as trackers:
        with Store.look(settings) as store:
            tasks = _worth_a_minute(store, number, name, since, seed)
        for tracker in trackers:
            tracker.send_for_review(queue, tasks)
            print(f"{len(tasks)} variants are in the queue {printable(queue)} of {tracker.name}.")


def read(
    queue: Annotated[
        str | None, typer.Option(help="Fetch the judgements from this review queue first.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how often people confirm each probe, and how far they agree."""
    from smile_trace.probes.review.server import results
    from smile_trace.render.review import confirmed
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    with Store.look(settings) as store:
        if queue is not None:
            _bring_back(queue, store, settings)
        found = results(store, settings)
    if json:
        print(found.model_dump_json(indent=2))
        return
    if not found.confirmations:
        print("Nobody has judged a variant yet: smile-trace review opens the page for it.")
    else:
        for one in found.confirmations.values():
            print(f"{printable(one.probe)}: {confirmed(one)}")
        print("\n".join(map(_of_question, found.reliability)))
    for judge in found.judges:
        print("\n".join(_of_judge(judge)))


def _worth_a_minute(
    store: "Store",
    number: int,
    name: str | None,
    since: str,
    seed: int,
    *,
    reviewer: str | None = None,
) -> "list[ReviewTask]":
    """The variants to be judged; raises SmileTraceError if there are none."""
    from smile_trace.probes.review.tasks import worth_a_minute

    begin = since_ns(since) / 1e9
    tasks = worth_a_minute(store, number, reviewer=reviewer, name=name, since=begin, seed=seed)
    if not tasks:
        raise SmileTraceError(
            f"no profile made since {since} has a variant left for {reviewer or 'anybody'} to "
            "judge: the worker makes profiles if [probes] asks for them"
        )
    return tasks


def _bring_back(queue: str, store: "Store", settings: "Settings") -> None:
    from smile_trace.probes.review.tasks import stored_tasks

    with with_queues(settings) as trackers:
        said = _said_in(queue, trackers)
    tasks = stored_tasks(store)
    known = [(tasks[one.variant_id].item, one) for one in said if one.variant_id in tasks]
    store.judgements.keep(known)
    print(f"{len(known)} judgements from {printable(queue)}.", file=sys.stderr)
    if len(known) < len(said):
        left = len(said) - len(known)
        print(f"{left} are about variants that are no longer in the store.", file=sys.stderr)


def _said_in(queue: str, trackers: "Sequence[Tracker]") -> "list[Judgement]":
    """The judgements in a queue of any of the trackers; those without that queue are named. Raises
    SmileTraceError if none of them has it, or one does not answer."""
    from smile_trace.trackers.http import RequestRejected

    said, without = [], []
    for tracker in trackers:
        try:
            said += tracker.read_reviews(queue)
        except RequestRejected as rejected:
            if not rejected.missing:
                raise
            without.append(rejected)
    if len(without) == len(trackers):
        raise without[0]
    for one in without:
        print(one, file=sys.stderr)
    return said


@contextmanager
def with_queues(settings: "Settings") -> "Iterator[list[Tracker]]":
    """The active trackers with review queues, closed at the end; raises SmileTraceError if none."""
    with active_trackers(settings) as trackers:
        chosen = [tracker for tracker in trackers if tracker.capabilities.reviews]
        if not chosen:
            raise SmileTraceError(
                "no active tracker has review queues: set MLFLOW_TRACKING_URI, OPIK_API_KEY, "
                "PHOENIX_COLLECTOR_ENDPOINT, or LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or "
                "judge on the page that smile-trace review opens"
            )
        yield chosen


def _of_question(found: "Reliability") -> str:
    name = found.question.replace("_", " ")
    if found.alpha is None:
        return f"Agreement on {name!r}: unknown (no two people gave different replies)"
    return (
        f"Agreement on {name!r}: alpha {found.alpha:.2f} ({found.ci_low:.2f} to "
        f"{found.ci_high:.2f}), {found.variants} variants"
    )


def _of_judge(found: "JudgeResults") -> "Iterator[str]":
    from smile_trace.probes.reliability import MIN_AGREEMENT, MIN_SHARED
    from smile_trace.render.review import agreed

    yield f"Judge {printable(found.agreement.judge)}:"
    yield from (f"  {line}" for line in agreed(found.agreement))
    if not found.agreement.counts:
        yield (
            f"  It does not count: on each of the first two questions it needs {MIN_SHARED} "
            "variants that people have also judged, and an agreement whose interval is not "
            f"below {MIN_AGREEMENT:.0%}."
        )
    elif not found.chosen:
        yield "  It does not count: [review] judge does not name it."
    else:
        yield "  It counts for variants that no person has judged."
    for name, one in found.by_itself.items():
        if one.variants:
            yield (
                f"  By itself, {printable(name)}: confirmed {one.confirmed} of {one.variants} "
                "variants."
            )


def export(file: Annotated[Path, typer.Argument(help="A JSON Lines file.")]) -> None:
    """Write the failures that people confirmed as test cases, one per line."""
    from smile_trace.probes.review.tasks import confirmed_cases
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    check_writable(file)
    with Store.look(Settings()) as store:
        lines = [case.model_dump_json() for case in confirmed_cases(store)]
    write_page(file, "".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} confirmed failures: {file.absolute()}")


def judge(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A model from the settings, or demo; by default the judge in \\[review]."
        ),
    ] = None,
    number: Number = 30,
    name: Name = None,
    since: Since = "30d",
    seed: Seed = 0,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Ask a model to judge variants, starting with those that people have judged."""
    from smile_trace.probes.judgements import judge_id
    from smile_trace.probes.review.judge import ask_judge, estimate_judging
    from smile_trace.probes.review.tasks import worth_a_minute
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    settings = Settings()
    who = model or settings.review.judge
    if who is None:
        raise SmileTraceError("name a model of the settings, or set judge in [review]")
    with Store.look(settings) as store:
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
                f"no profile made since {since} has a variant that {who} has not judged"
            )
        most = estimate_judging(who, tasks, settings)
        if dry_run:
            print(_plan(len(tasks), most))
            return
        confirm(most, yes=yes)
        found = ask_judge(who, tasks, store, settings)
    print(_told(who, found))
    if found.failed:
        print(
            printable(f"{found.failed} were not answered: {found.failure}; run it again"),
            file=sys.stderr,
        )
    if not found.judged + found.unreadable:
        raise typer.Exit(1)


def _plan(number: int, most: "Estimate") -> str:
    return (
        f"{number} variants would be judged by {printable(most.model)}, "
        f"{printable(most.address)}.\nAt most: {most_of(most)}.\nNothing was sent."
    )


def _told(who: str, found: "Judged") -> str:
    said = f"{printable(who)} judged {found.judged} variants"
    if found.unreadable:
        said += f"; {found.unreadable} replies did not have the required form"
    return f"{said}. smile-trace review read says how far it agrees with people."
