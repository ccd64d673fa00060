"""`smile-trace replay`: a logged call asked again, as it was or with one thing changed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError, NotJSON

if TYPE_CHECKING:
    from rich.console import Console

    from smile_trace.comparison import Replay


def replay(
    trace_id: Annotated[str, typer.Argument(help="TRACE_ID or TRACE_ID:SPAN_ID.")],
    model: Annotated[str | None, typer.Option(help="Another model of the settings.")] = None,
    prompt_version: Annotated[
        str | None, typer.Option(help="Another version of the call's Prompt.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another parameter: temperature=0."),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=100, help="How often.")] = 1,
    explained: Annotated[
        bool, typer.Option("--explain", help="Explain both answers, too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Ask a logged call again, and show how the answers differ."""
    parameters = dict(_parameter(text) for text in changes or ())
    from smile_trace.comparison import replay as replay_now

    replayed = replay_now(
        trace_id,
        model=model,
        prompt_version=prompt_version,
        parameters=parameters,
        count=count,
        explained=explained,
    )
    if json:
        print(replayed.model_dump_json(indent=2))
        return
    from rich.console import Console

    _print(replayed, Console(highlight=False))


def _parameter(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as JSON where it is JSON, else as a text; `null` removes."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r}: write NAME=VALUE, such as temperature=0")
    try:
        return name, foreign.decode(value)
    except NotJSON:
        return name, value
    except ForeignDataError as error:
        raise typer.BadParameter(f"{name}: {error}") from None


def _print(replayed: "Replay", console: "Console") -> None:
    from rich.text import Text

    from smile_trace.render.text import visible

    console.print(Text(visible(replayed.verdict), style="bold"))
    if replayed.changed:
        console.print(Text("with " + visible(", ".join(replayed.changed)), style="dim"))
    logged = replayed.call.answer or ""
    console.print(Text.assemble(("\nlogged  ", "dim"), visible(logged) or "(empty)"))
    pairs = zip(replayed.answers, replayed.distances, strict=True)
    for number, (answer, distance) in enumerate(pairs, start=1):
        mark = (f"{number:>5} {distance:.2f}  ", "dim")
        console.print(Text.assemble(mark, *_differences(visible(logged), visible(answer))))
    for failure in replayed.failures:
        console.print(Text(f"failed  {visible(failure)}", style="red"))
    for title, explanation in (
        ("\nthe logged answer", replayed.before),
        ("\nthe new", replayed.after),
    ):
        if explanation is not None:
            console.print(Text(title, style="bold dim"))
            explanation.show()


def _differences(before: str, after: str) -> list[tuple[str, str]]:
    """The words of `after`, those that `before` has not in the same place in bold."""
    import re
    from difflib import SequenceMatcher

    old, new = (re.findall(r"\s*\S+", text) for text in (before, after))
    words: list[tuple[str, str]] = []
    for kind, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        words += [(word, "" if kind == "equal" else "bold underline") for word in new[start:end]]
    return words or [("(empty)", "dim")]
