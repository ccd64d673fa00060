"""`smile-trace profiles`: what the worker's probes found over the calls of a prompt."""

from pathlib import Path
from typing import Annotated

import typer

from smile_trace.cli.output import show_result
from smile_trace.cli.since import HELP, since_ns


def profiles(
    name: Annotated[str, typer.Argument(help="A prompt, or a function without one.")],
    since: Annotated[str, typer.Option(help=HELP)] = "30d",
    html: Annotated[Path | None, typer.Option(help="Write the page to this HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show how the answers of a prompt change with its requests, over its profiled calls."""
    from smile_trace.probes.of_prompt import profile_of_prompt

    found = profile_of_prompt(name, since=since_ns(since) / 1e9)
    show_result(found, html=html, json=json)
