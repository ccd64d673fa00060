"""`smile-trace demo`, the whole job on this machine, and `smile-trace mcp`, what assistants ask."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def demo(
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--exit",
            help="Serve until Ctrl-C, or stop when the job is done; by default it serves if a "
            "person is at the terminal.",
            show_default=False,
        ),
    ] = None,
    tracker: Annotated[
        Literal["mlflow", "phoenix", "langfuse", "comet", "comet_archive", "opik", "otlp"],
        typer.Option(
            help="Where to deliver: a real MLflow server; a real Phoenix server (in a checkout); "
            "Comet's offline archives; or the backend that your environment names "
            "(LANGFUSE_SECRET_KEY, "
            "COMET_API_KEY, OPIK_API_KEY, OTEL_EXPORTER_OTLP_ENDPOINT)."
        ),
    ] = "mlflow",
) -> None:
    """A support chat on a real model: ten calls, explained and delivered to a real MLflow server.

    Its state is kept in `.smile-trace` in the working directory, or in SMILE_TRACE_HOME.
    """
    from rich.console import Console

    from smile_trace.demo.run import run_demo

    # Not the user's own home: ten calls of a demo have no business there.
    home = Path(os.environ.get("SMILE_TRACE_HOME", ".smile-trace")).expanduser().absolute()
    serving = sys.stdin.isatty() if serve is None else serve
    # A polite end of any kind stops the servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_demo(home, tracker=tracker, serve=serving, console=Console())
        if not serving and serve is None:
            print(
                "Stopped, because standard input is not a terminal: add --serve (make demo "
                "SERVE=1)."
            )
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def mcp(
    model: Annotated[
        str | None,
        typer.Option(
            help="Also offer the tool explain, with this model from the settings, or demo."
        ),
    ] = None,
    most_calls: Annotated[
        int,
        typer.Option(
            min=0, help="With --model: the maximum number of calls for all explanations together."
        ),
    ] = 200,
) -> None:
    """Serve explanations to AI assistants over MCP (read-only, unless --model is given)."""
    from smile_trace.mcp import make_server
    from smile_trace.models.registry import settings_of
    from smile_trace.settings import Settings

    settings = Settings()
    if model is not None:
        settings_of(model, settings)
    make_server(settings, model=model, most_calls=most_calls).run("stdio")
