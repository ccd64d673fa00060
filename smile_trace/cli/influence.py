"""`smile-trace influence`: what mattered over the last calls of a prompt."""

from pathlib import Path
from typing import Annotated

import typer

from smile_trace.cli.compare import deliver_comparison
from smile_trace.cli.output import show_result


def influence(
    prompt: Annotated[str, typer.Argument(help="The name of the Prompt.")],
    version: Annotated[
        str | None, typer.Option(help="A version; by default the one called last.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="How many of its last calls count.")] = 1000,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Put it on the active trackers, too.")
    ] = False,
) -> None:
    """Show which instructions and documents mattered over a prompt's last explained calls."""
    from smile_trace.comparison import influences

    found = influences(prompt, version=version, last=last)
    show_result(found, html=html, json=json)
    if deliver:
        deliver_comparison(found)
