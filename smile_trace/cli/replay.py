"""`smile-trace replay`: a call asked again with changes; `look`: the same by hand, on a page."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError, NotJSON
from smile_trace.cli.arguments import Application, Browser, Port
from smile_trace.cli.output import serve

if TYPE_CHECKING:
    from rich.console import Console

    from smile_trace.comparison import Replay

AnotherModel = Annotated[str | None, typer.Option(help="Use another model from the settings.")]


def replay(
    trace_id: Annotated[str, typer.Argument(help="TRACE_ID or TRACE_ID:SPAN_ID.")],
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="Remove a part, given by the name of a document or tool, as a sentence, or by "
            "its key.",
        ),
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(metavar="PART=TEXT", help="Replace a part with another text."),
    ] = None,
    model: AnotherModel = None,
    prompt_version: Annotated[
        str | None, typer.Option(help="Use another version of the call's prompt.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter, such as temperature=0."),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            "-n",
            min=1,
            max=100,
            help="How many times to send it; with a change, the unchanged call is sent as many "
            "times, for comparison.",
        ),
    ] = 1,
    explained: Annotated[
        bool, typer.Option("--explain", help="Also explain both answers.")
    ] = False,
    app: Application = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send a logged call again, unchanged or with changes, and show how the answers differ."""
    parameters = dict(read_parameter(text) for text in changes or ())
    from smile_trace.comparison import replay as replay_now

    replayed = replay_now(
        trace_id,
        model=model,
        prompt_version=prompt_version,
        parameters=parameters,
        without=without or (),
        replace=dict(_other_text(text) for text in replace or ()),
        count=count,
        explained=explained,
        app=app,
    )
    if json:
        print(replayed.model_dump_json(indent=2))
        return
    from rich.console import Console

    _print(replayed, Console(highlight=False))


def read_parameter(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value as JSON or else as a text; `null` removes. Raises
    typer.BadParameter for anything else."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r}: write NAME=VALUE, such as temperature=0")
    try:
        return name, foreign.decode(value)
    except NotJSON:
        return name, value
    except ForeignDataError as error:
        raise typer.BadParameter(f"{name}: {error}") from None


def _other_text(text: str) -> tuple[str, str]:
    name, equals, other = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r}: write PART=TEXT")
    return name, other


def _print(replayed: "Replay", console: "Console") -> None:
    from rich.text import Text

    from smile_trace.render.text import visible, whole_difference

    console.print(Text(visible(replayed.verdict), style="bold"))
    if replayed.changed:
        console.print(Text(f"changed: {visible(', '.join(replayed.changed))}", style="dim"))
    logged = replayed.call.answer_without_reasoning
    console.print(Text.assemble(("\nlogged  ", "dim"), visible(logged) or "(empty)"))
    beside = "unchanged", replayed.originals, replayed.original_distances
    for title, answers, distances in (("", replayed.answers, replayed.distances), beside):
        for number, (answer, distance) in enumerate(zip(answers, distances, strict=True), start=1):
            mark = (f"{title} {number:>{5 - bool(title)}} {distance:.2f}  ", "dim")
            pieces = [p for p in whole_difference(logged, answer) if p.kind != "removed"]
            words = [(p.text, "bold underline" if p.kind == "added" else "") for p in pieces]
            console.print(Text.assemble(mark, *(words or [("(empty)", "dim")])))
    for failure in replayed.failures:
        console.print(Text(f"failed  {visible(failure)}", style="red"))
    for title, explanation in (
        ("\nthe logged answer", replayed.before),
        ("\nthe new answer", replayed.after),
    ):
        if explanation is not None:
            console.print(Text(title, style="bold dim"))
            explanation.show()


def look(
    trace_id: Annotated[str, typer.Argument(help="TRACE_ID or TRACE_ID:SPAN_ID.")],
    model: AnotherModel = None,
    cap: Annotated[
        int, typer.Option(min=0, help="Maximum number of calls, retries included.")
    ] = 20,
    app: Application = None,
    port: Port = 0,
    browser: Browser = True,
) -> None:
    """Remove and change parts of a call's request on a local page, and see the answers."""
    from smile_trace.comparison.call_again import CallAgain
    from smile_trace.comparison.look import LookPage
    from smile_trace.comparison.replay_call import logged_call, open_for
    from smile_trace.settings import Settings

    settings = Settings()
    with open_for(trace_id, settings) as store:
        call = logged_call(trace_id, store, settings)
        again = CallAgain(store, settings, call, cap, who=model, beside=model, app=app)
        with LookPage(again, port) as page:
            serve(page, f"Change the request: {page.url}", browser=browser)
        print(f"\n{cap - again.left} of {cap} calls were made.")
