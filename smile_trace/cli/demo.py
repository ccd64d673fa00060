"""`smile-trace demo`: the whole job on this machine."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def demo(
    exit_when_done: Annotated[
        bool,
        typer.Option("--exit", help="Stop when the job is done (also without a terminal)."),
    ] = False,
    tracker: Annotated[
        Literal["mlflow", "comet"],
        typer.Option(help="Where to: a real MLflow server; Comet, or a fake one without a key."),
    ] = "mlflow",
) -> None:
    """A real model, a real MLflow server and ten calls, explained and delivered.

    Its state lives in `.smile-trace` of the working directory, or in SMILE_TRACE_HOME.
    """
    from rich.console import Console

    from smile_trace.demo.run import run_demo

    # Not the user's own home: ten calls of a demo have no business there.
    home = Path(os.environ.get("SMILE_TRACE_HOME", ".smile-trace")).expanduser().absolute()
    serve = not exit_when_done and sys.stdin.isatty()
    # A polite end of any kind stops the servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_demo(home, tracker=tracker, serve=serve, console=Console())
        if not serve and not exit_when_done:
            print("Stopped, because standard input is no terminal: nothing serves any more.")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
