"""`smile-trace review`: the probes' variants judged by people."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smile_trace.cli import since as since_option
from smile_trace.cli.output import check_writable, printable, write_page
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.records.judgement import Confirmation, Judgement, Reliability, ReviewTask

Number = Annotated[int, typer.Option(min=1, help="How many variants at most.")]
Name = Annotated[
    str | None, typer.Option("--prompt", help="Only of this prompt or function; by default all.")
]
Since = Annotated[str, typer.Option(help=f"Profiles made since then. {since_option.HELP}")]
Seed = Annotated[int, typer.Option(help="Decides the random tenth, and the order.")]


def page(
    context: typer.Context,
    number: Number = 30,
    name: Name = None,
    since: Since = "30d",
    seed: Seed = 0,
    reviewer: Annotated[
        str | None, typer.Option("--as", help="Who judges; by default your login.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Judge variants on a page of this machine, by keyboard; end with Ctrl+C."""
    if context.invoked_subcommand is not None:
        return
    import webbrowser

    from smile_trace.review import ReviewServer, worth_a_minute
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    who = (reviewer or getpass.getuser()).strip()
    if not who:
        raise SmileTraceError("--as is empty: give a name")
    store = Store.look(Settings())
    begin = since_option.since_ns(since) / 1e9
    tasks = worth_a_minute(store, number, reviewer=who, name=name, since=begin, seed=seed)
    if not tasks:
        raise SmileTraceError(
            f"there is no variant that {printable(who)} has not judged: the worker makes profiles "
            "where [probes] asks for them"
        )

    def keep(task: "ReviewTask", judgement: "Judgement") -> None:
        store.judgements.keep([(task.item, judgement)])

    with ReviewServer(tasks, who, keep, port) as server:
        print(f"{len(tasks)} variants to judge: {server.url}", flush=True)
        if browser and sys.stdout.isatty():
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"\n{len(server.given)} of {len(tasks)} judged; smile-trace review read sums up.")
    store.close()


def read(
    json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Say how far people confirm each probe, and how far they agree."""
    from smile_trace.review import results
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    store = Store.look(Settings())
    found = results(store)
    store.close()
    if json:
        print(found.model_dump_json(indent=2))
    elif not found.confirmations:
        print("Nobody has judged a variant yet: smile-trace review opens the page for it.")
    else:
        print("\n".join(map(_of_probe, found.confirmations.values())))
        print("\n".join(map(_of_question, found.reliability)))


def _of_probe(found: "Confirmation") -> str:
    from smile_trace.render.confirmation import confirmed

    return f"{printable(found.probe)}: {confirmed(found)}"


def _of_question(found: "Reliability") -> str:
    name = found.question.replace("_", " ")
    if found.alpha is None:
        return f"Agreement on {name!r}: not known (no two people gave different replies)"
    return (
        f"Agreement on {name!r}: alpha {found.alpha:.2f} ({found.ci_low:.2f} to "
        f"{found.ci_high:.2f}), {found.variants} variants"
    )


def export(
    file: Annotated[Path, typer.Argument(help="A file of JSON Lines.")],
) -> None:
    """Write the failures that people confirmed as test cases, one a line."""
    from smile_trace.review import confirmed_cases
    from smile_trace.settings import Settings
    from smile_trace.store import Store

    check_writable(file)
    store = Store.look(Settings())
    lines = [case.model_dump_json() for case in confirmed_cases(store)]
    store.close()
    write_page(file, "".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} confirmed failures: {file.absolute()}")
