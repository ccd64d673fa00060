"""`smile-trace demo`: the whole job on this machine."""

import signal
import sys
from typing import Annotated, Literal

import typer

from smile_trace.errors import SmileTraceError


def demo(
    exit_when_done: Annotated[
        bool,
        typer.Option("--exit", help="Stop when the job is done (also without a terminal)."),
    ] = False,
    tracker: Annotated[
        Literal["mlflow", "comet"],
        typer.Option(help="Where to: a real MLflow server; Comet, or a stand-in without a key."),
    ] = "mlflow",
) -> None:
    """A real model, a real MLflow server and ten calls, explained and delivered."""
    try:
        from rich.console import Console

        from smile_trace.demo.run import run_demo
        from smile_trace.settings import Settings
    except ImportError as error:
        raise SmileTraceError(
            f"the demo needs more than is installed ({error.name} is missing): "
            "pip install 'smile-trace[demo]'"
        ) from error
    serve = not exit_when_done and sys.stdin.isatty()
    # A polite end of any kind stops the servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_demo(Settings().home.absolute(), tracker=tracker, serve=serve, console=Console())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
