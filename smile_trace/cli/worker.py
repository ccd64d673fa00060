"""`smile-trace worker`: explain what was captured, and deliver it."""

import json
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from smile_trace.cli.output import printable
from smile_trace.errors import ReasonCode
from smile_trace.presentable import presentable_lines

if TYPE_CHECKING:
    from pathlib import Path

    from smile_trace.store.queries.status import Status

NOISY = ("alembic", "dbos", "httpcore", "httpcore2", "urllib3", "httpx", "httpx2", "openai")


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
    log: Annotated[str, typer.Option(help="How log lines are written: text or json.")] = "text",
) -> None:
    """Ingest, sample, explain and deliver, until it is stopped.

    The first SIGTERM or Ctrl-C ends it within ten seconds, a second one at once; nothing is
    lost either way.
    """
    from rich.console import Console

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
    if log not in ("text", "json"):
        raise SmileTraceError(f"--log is text or json, not {log!r}.")
    console = Console(stderr=True)
    _write_log("json" if log == "json" else "text", in_terminal(console))
    stopping = threading.Event()

    def stop(*_: Any) -> None:
        if stopping.is_set():
            os._exit(130)  # the store and the engine survive a kill at any moment
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    settings = Settings()
    with WorkerBars(console) as bars:
        status = run(settings, once=once, app=app, progress=bars.show, stopping=stopping)
    if once:
        print(_summary(status, settings.home), file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    if stopping.is_set():
        os._exit(0)  # a tracker's thread may still hang in a request


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


def _write_log(form: Literal["text", "json"], terminal: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    text = _Text("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(_Json() if form == "json" else text)
    # A terminal shows bars: only warnings are printed beside them.
    logging.basicConfig(level=logging.WARNING if terminal else logging.INFO, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


class _Text(logging.Formatter):
    """Lines in which nobody else's secrets and control sequences stand."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of the record and of its traceback."""
        return presentable_lines(super().format(record))


class _Json(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, and the traceback if there is one."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": presentable_lines(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = presentable_lines(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
