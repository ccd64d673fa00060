"""The lasting processes: `smile-trace worker` with what `--dry-run` prints, `receive`, `ship`, and
`run`, the application's own."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smile_trace._text.lists import listed
from smile_trace.cli.arguments import names_in
from smile_trace.cli.output import printable
from smile_trace.errors import ReasonCode, SmileTraceError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from smile_trace.store.queries.status import Status
    from smile_trace.store.spending.ledger import Left
    from smile_trace.store.workers import Role
    from smile_trace.worker.plan import Plan


def print_plan(plan: "Plan", console: "Console") -> None:
    """Print a table of the models, and a sentence for everything else."""
    if plan.models:
        console.print(_table(plan))
    for sentence in _sentences(plan):
        console.print(sentence, markup=False)


def _sentences(plan: "Plan") -> Iterator[str]:
    if not plan.models:
        yield "Nothing is waiting to be explained."
    for model in plan.models:
        name = printable(model.model)
        if model.unavailable:
            yield f"Not possible yet: {printable(model.unavailable)}."
        if model.usd is None:
            yield (
                f"No price is known for {name}: caps in dollars do not apply to it, those in calls "
                "and tokens do (calls_per_day, tokens_per_day)."
            )
        if model.usual is not None:
            usual = f"{model.usual.calls:,} calls and {model.usual.tokens:,} tokens"
            usd = "" if model.usd is None else f", ${model.usual.usd:,.4f}"
            yield f"Going by its last explanations, {name} would take about {usual}{usd}."
        if caps := _caps(model.left):
            yield f"The caps of {name} itself allow {caps} more today (UTC)."
    if replays := sum(model.replays for model in plan.models):
        yield f"{replays:,} of the calls are this period's replays for [drift]."
    if plan.beside_worker:
        yield (
            "A worker is running here and reads the spool itself: what it has not read yet is not "
            "counted."
        )
    for skipped in plan.skipped:
        yield f"Skipped: {skipped.count}, {printable(skipped.reason)}."
    caps = _caps(plan.left)
    said = f"The caps allow {caps} more today (UTC)" if caps else "No daily cap is set"
    yield f"{said}. Nothing was sent."


def _table(plan: "Plan") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("model", overflow="fold")
    for column in ("explanations", "calls at most", "tokens at most", "US dollars at most"):
        table.add_column(column, justify="right")
    for one in plan.models:
        table.add_row(
            Text(printable(one.model)),
            f"{one.explanations:,}",
            f"{one.calls:,}",
            "not known" if one.tokens is None else f"{one.tokens:,}",
            "not known" if one.usd is None else f"{one.usd:,.4f}",
        )
    return table


def _caps(left: "Left") -> str:
    said = []
    if left.calls is not None:
        said.append(f"{left.calls:,} calls")
    if left.tokens is not None:
        said.append(f"{left.tokens:,} tokens")
    if left.usd is not None:
        said.append(f"${left.usd:,.4f}")
    return listed(said)


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="Explain and deliver what is waiting, then exit.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be sent and the maximum cost, then exit."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON.")] = False,
    app: Annotated[
        str | None,
        typer.Option(help="The module with your decorated functions, for models of kind rerun."),
    ] = None,
    roles: Annotated[
        str,
        typer.Option(
            help="This worker's roles, if many share one database: ingest, explain, deliver."
        ),
    ] = "ingest,explain,deliver",
    pools: Annotated[
        str | None,
        typer.Option(
            help="The models that this worker asks, if many share one database (\\[models])."
        ),
    ] = None,
    log: Annotated[str, typer.Option(help="Log format: text or json.")] = "text",
) -> None:
    """Explain captured calls in the background and deliver the results.

    The first SIGTERM or Ctrl-C stops it within ten seconds, a second one at once; nothing is lost
    either way.
    """
    from rich.console import Console

    from smile_trace.cli.output import WorkerBars, in_terminal, write_log
    from smile_trace.settings import Settings
    from smile_trace.worker.run import run

    if dry_run:
        from smile_trace.worker.plan import plan

        planned = plan(Settings())
        if as_json:
            print(planned.model_dump_json(indent=2))
        else:
            print_plan(planned, Console(highlight=False, soft_wrap=True))
        return
    if as_json:
        raise SmileTraceError("--json needs --dry-run; for log lines as JSON, use --log json.")
    console = Console(stderr=True)
    write_log(log, in_terminal(console))
    stopping = _stopped_by_signal()
    settings = Settings()
    with WorkerBars(console) as bars:
        status = run(
            settings,
            once=once,
            app=app,
            roles=_roles(roles),
            models=None if pools is None else names_in(pools),
            progress=bars.show if in_terminal(console) else None,
            stopping=stopping,
        )
    if once:
        print(_summary(status, settings.home), file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    if stopping.is_set():
        os._exit(0)  # a tracker's thread may still hang in a request


def _stopped_by_signal() -> threading.Event:
    """An event set by the first SIGTERM or Ctrl-C. The second one ends the process at once: store,
    engine and spool survive a kill at any moment."""
    stopping = threading.Event()

    def stop(*_: Any) -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _roles(said: str) -> "list[Role]":
    """The roles in a list with commas; raises SmileTraceError for wrong roles."""
    from smile_trace.store.workers import ROLES

    asked = names_in(said)
    if not asked or not set(asked) <= set(ROLES):
        raise SmileTraceError(
            f"--roles takes {listed(ROLES, 'or')}, or several, separated by commas."
        )
    return [role for role in ROLES if role in asked]


def _summary(status: "Status", home: "Path") -> str:
    if not status.captured + status.open_traces + status.corrupt_lines:
        return f"Nothing was captured in {home} yet: does the application write there?"
    said = f"{status.explained} of {status.sampled} sampled calls are explained"
    if status.failed:
        said += f", {status.failed} failed"
    if status.pending:
        said += f", {status.pending} wait"
    if unexpected := sum(
        one.count
        for one in status.skipped_by_reason
        if one.code not in (ReasonCode.NOT_SAMPLED, ReasonCode.STEP_OF_TRACE)
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


def receive(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; overrides receive.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; overrides receive.port."),
    ] = None,
    log: Annotated[str, typer.Option(help="Log format: text or json.")] = "text",
) -> None:
    """Receive traces and logs over OTLP/HTTP (protobuf or JSON) for the worker.

    Listens on 127.0.0.1:4318 by default. Everything that it has answered with 200 is kept,
    even if it is killed a moment later.
    """
    from smile_trace.cli.output import write_log
    from smile_trace.settings import Settings
    from smile_trace.sources.receiver.serve import serve

    write_log(log, terminal=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    given = {"host": host, "port": port}
    named = {name: value for name, value in given.items() if value is not None}
    serve(Settings(**({"receive": named} if named else {})))


def ship(
    once: Annotated[bool, typer.Option("--once", help="Send what is waiting, then exit.")] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Share of the traces to send; at least the workers' sampling.rate."),
    ] = None,
    log: Annotated[str, typer.Option(help="Log format: text or json.")] = "text",
) -> None:
    """Send the calls captured on this host to a receiver.

    For hosts without a worker: it needs no database, model or extra. The spool keeps everything
    until the receiver has it, and grows while the receiver is unavailable. The first SIGTERM or
    Ctrl-C sends what is there and stops, a second one stops at once; nothing is lost either way.
    """
    from smile_trace.cli.output import write_log
    from smile_trace.ship.client import Client
    from smile_trace.ship.settings import read_settings
    from smile_trace.ship.shipper import Shipper, private_home
    from smile_trace.worker.lock import worker_lock

    write_log(log, terminal=False)
    stopping = _stopped_by_signal()
    settings = read_settings() if rate is None else read_settings(rate=rate)
    private_home(settings)
    with worker_lock(settings.home, "shipper") as heartbeat:
        shipper = Shipper(settings, Client(settings), stopping, heartbeat)
        shipper.run(once=once)


def run(
    command: Annotated[
        list[str], typer.Argument(help="The command that starts your application, after --.")
    ],
) -> None:
    """Run a Python application and capture its LLM calls, without changing its code.

    smile-trace run -- python app.py

    Replaces this process, so that signals and the exit code are the application's own. At the start
    it says what it captures, and what to install to capture more.
    """
    from smile_trace.capture.startup import FOLDER, REPORT

    path = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    changed = {
        "PYTHONPATH": os.pathsep.join(path),
        "SMILE_TRACE_HOME": str(_home()),
        REPORT: "1",
    }
    try:
        os.execvpe(command[0], command, {**os.environ, **changed})
    except OSError as error:
        said = "no such program" if isinstance(error, FileNotFoundError) else error.strerror
        raise SmileTraceError(
            f"{command[0]} cannot be run ({said}): write smile-trace run -- and the command that "
            "starts your application, such as python app.py"
        ) from None


def _home() -> Path:
    """The home of the settings, which an application does not read."""
    try:
        from smile_trace.settings import Settings
    except ModuleNotFoundError:  # a base install: no settings file is read there
        from smile_trace.capture.config import from_environment

        return from_environment().home
    return Settings().home.absolute()
