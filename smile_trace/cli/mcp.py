"""`smile-trace mcp`: the MCP server, over standard input and output."""

from typing import Annotated

import typer


def mcp(
    model: Annotated[
        str | None,
        typer.Option(help="Offer explain, which asks this model of the settings, or demo."),
    ] = None,
    most_calls: Annotated[
        int, typer.Option(min=0, help="With --model: the most calls, over all explanations.")
    ] = 200,
) -> None:
    """Serve assistants over MCP: why, compare, status, and explain with --model. Reads only."""
    from smile_trace.explaining.named_models import settings_of
    from smile_trace.mcp import make_server
    from smile_trace.settings import Settings

    settings = Settings()
    if model is not None:
        settings_of(model, settings)
    make_server(settings, model=model, most_calls=most_calls).run("stdio")
