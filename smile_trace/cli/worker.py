"""`smile-trace worker`: explain what was captured, and deliver it."""

import logging
import signal
import sys
import threading
from typing import Annotated

import typer


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="Explain and deliver what is there, then exit.")
    ] = False,
    app: Annotated[
        str | None,
        typer.Option(help='The module with your decorated functions, for kind = "rerun".'),
    ] = None,
) -> None:
    """Ingest, sample, explain and deliver, until it is stopped."""
    from rich.console import Console

    from smile_trace.cli.progress import Bars
    from smile_trace.settings import Settings
    from smile_trace.worker.run import run

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    for noisy in ("httpx", "httpx2", "httpcore", "httpcore2", "alembic", "openai"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Bars(Console(stderr=True)) as bars:
        run(Settings(), once=once, app=app, progress=bars.show, stopping=stopping)
