"""`smile-trace worker`: explain what was captured, and deliver it."""

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._text.lists import listed
from smile_trace.cli.output import printable
from smile_trace.errors import ReasonCode

if TYPE_CHECKING:
    from pathlib import Path

    from smile_trace.store.queries.status import Status
    from smile_trace.store.workers import Role


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="Explain and deliver what is there, then exit.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would ask and cost at most, then exit."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: for a program.")] = False,
    app: Annotated[
        str | None,
        typer.Option(help='The module with your decorated functions, for kind = "rerun".'),
    ] = None,
    roles: Annotated[
        str,
        typer.Option(
            help="What it does, of many workers on one database: ingest, explain, deliver."
        ),
    ] = "ingest,explain,deliver",
    pools: Annotated[
        str | None,
        typer.Option(
            help="The models that it asks, of many workers on one database: tables of \\[models]."
        ),
    ] = None,
    log: Annotated[str, typer.Option(help="How log lines are written: text or json.")] = "text",
) -> None:
    """Ingest, sample, explain and deliver, until it is stopped.

    The first SIGTERM or Ctrl-C ends it within ten seconds, a second one at once; nothing is
    lost either way.
    """
    from rich.console import Console

    from smile_trace.cli.log import write_log
    from smile_trace.cli.progress import WorkerBars, in_terminal
    from smile_trace.errors import SmileTraceError
    from smile_trace.settings import Settings
    from smile_trace.worker.run import run

    if dry_run:
        from smile_trace.cli.plan import print_plan
        from smile_trace.worker.plan import plan

        planned = plan(Settings())
        if as_json:
            print(planned.model_dump_json(indent=2))
        else:
            print_plan(planned, Console(highlight=False, soft_wrap=True))
        return
    if as_json:
        raise SmileTraceError("--json goes with --dry-run; for log lines, say --log json.")
    console = Console(stderr=True)
    write_log(log, in_terminal(console))
    stopping = threading.Event()

    def stop(*_: Any) -> None:
        if stopping.is_set():
            os._exit(130)  # the store and the engine survive a kill at any moment
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    settings = Settings()
    with WorkerBars(console) as bars:
        status = run(
            settings,
            once=once,
            app=app,
            roles=_roles(roles),
            models=None if pools is None else _names(pools),
            progress=bars.show,
            stopping=stopping,
        )
    if once:
        print(_summary(status, settings.home), file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    if stopping.is_set():
        os._exit(0)  # a tracker's thread may still hang in a request


def _names(said: str) -> list[str]:
    return [name.strip() for name in said.split(",") if name.strip()]


def _roles(said: str) -> "list[Role]":
    """The roles that were named.

    Raises:
        SmileTraceError: there is no such role, or none was named.
    """
    from smile_trace.errors import SmileTraceError
    from smile_trace.store.workers import ROLES

    asked = _names(said)
    if not asked or not set(asked) <= set(ROLES):
        raise SmileTraceError(f"--roles takes {listed(ROLES, 'or')}, or several with commas.")
    return [role for role in ROLES if role in asked]


def _summary(status: "Status", home: "Path") -> str:
    """A sentence on what was done, what was not, and why."""
    if not status.captured + status.open_traces + status.corrupt_lines:
        return f"Nothing was captured in {home} yet: does the application write there?"
    said = f"{status.explained} of {status.sampled} sampled calls are explained"
    if status.failed:
        said += f", {status.failed} failed"
    if status.pending:
        said += f", {status.pending} wait"
    if unexpected := sum(
        one.count for one in status.skipped_by_reason if one.code != ReasonCode.NOT_SAMPLED
    ):
        said += f", {unexpected} cannot be explained"
    waiting = sum(tracker.waiting for tracker in status.trackers)
    if waiting:
        said += f"; {waiting} deliveries wait"
    if status.failed or status.pending or waiting or unexpected:
        said += ": smile-trace status says why"
    said += "."
    for paused in status.paused_models:
        told = printable(f"{paused.name}: {paused.reason}")
        said += f"\nPaused, so that its calls wait for the next worker: {told}"
    return said
