"""`smile-trace profile`: how an answer changes with its request, and over a prompt's calls."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    since_ns,
)
from smile_trace.cli.output import call_bar, check_writable, printable, read_text, show_result

if TYPE_CHECKING:
    from smile_trace.explaining import Estimate


def profile(
    trace_id: TraceId = None,
    prompt: Prompt = None,
    file: PromptFile = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The profiled calls of this prompt, or of this function that uses none.",
        ),
    ] = None,
    since: Annotated[
        str, typer.Option(help=f"With --name: only profiles since then: {SINCE_HELP}")
    ] = "30d",
    answer: Answer = None,
    model: Model = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", help="Only this probe, and the two controls; repeatable."),
    ] = None,
    budget: Annotated[int, typer.Option(min=4, help="Maximum number of calls to the model.")] = 40,
    seed: Annotated[int, typer.Option(help="Seed for the variants.")] = 0,
    app: Application = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the Profile as JSON.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show how an answer changes with its request: --prompt TEXT, --file F, TRACE_ID, --name NAME.

    With --name, no model is called.
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
        first = first_calls(prepared, taken)
        print(most.model_dump_json(indent=2) if json else _first_asked(first, most))
        return
    confirm(most, yes=yes)
    with call_bar(budget) as on_answers:
        found = profile_prepared(prepared, settings, taken, on_answers=on_answers)
    show_result(found, html=html, json=json)


def _first_asked(first: dict[str, int], most: "Estimate") -> str:
    asked = [f"  {printable(name)}: {calls} calls" for name, calls in first.items() if calls]
    missing = ", ".join(printable(name) for name, calls in first.items() if not calls)
    lines = [
        "The prompt would be sent again with small changes, starting with:",
        *asked,
        *([f"It has nothing to vary for these probes: {missing}."] if missing else []),
        f"That makes {sum(first.values())} calls. Probes that change the answer then take more.",
        f"At most: {most_of(most)}.",
        "Nothing was sent.",
    ]
    return "\n".join(lines)


def profiles(
    name: Annotated[str, typer.Argument(help="A prompt, or a function that uses none.")],
    since: Annotated[str, typer.Option(help=f"Since when: {SINCE_HELP}")] = "30d",
    html: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show how the answers of a prompt change with its requests, over its profiled calls."""
    from smile_trace.probes.prompt_profile import profile_of_prompt

    found = profile_of_prompt(name, since=since_ns(since) / 1e9)
    show_result(found, html=html, json=json)
