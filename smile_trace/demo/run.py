"""The demo's job, step by step, and what it prints."""

import os
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from smile_trace.demo.application import MODEL
from smile_trace.demo.trackers import (
    SERVICES,
    DemoTracker,
    MLflow,
    Phoenix,
    archives,
    reader_service,
)
from smile_trace.errors import SmileTraceError
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.records import Call
from smile_trace.render import print_terminal
from smile_trace.settings import FILE_NAME, Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import Explained, read_explained
from smile_trace.store.queries.status import Status

DemoName = Literal["mlflow", "phoenix", "langfuse", "comet", "comet_archive", "opik", "otlp"]
_SETTINGS = f"""\
# Written by `smile-trace demo`. Every setting: docs/settings.md
[models."{MODEL}"]
kind = "local"

[sampling]
rate = 1.0

[budget]
calls_per_explanation = 24

# JSON is compared field by field.
[explain."prompt:order"]
signal = "text"
protect = ["system"]

# The values of the template's variables, and the message.
[explain."prompt:team"]
signal = "text"
unit = "variable"
protect = ["/Which team answers/", "/ or /", "/Answer in JSON/"]

# Of the message alone.
[explain."prompt:topic"]
signal = "text"
protect = ["system"]

"""

_TRACKERS = ("MLFLOW_", "PHOENIX_", *(known.prefix for known in SERVICES.values()))
"""Variables kept from the demo, which delivers to its own servers."""


def run_demo(home: Path, *, tracker: DemoName, serve: bool, console: Console) -> None:
    """Run the whole job in `home`, and keep serving until Ctrl-C if `serve` is set.

    Raises:
        SmileTraceError: a step failed, or a call was not explained or not delivered.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as running:
        server = _start(tracker, home)
        running.callback(server.stop)
        console.print(f"[bold]1.[/] Starting {server.name} and a real language model …")
        model = LocalModel(MODEL, LocalSettings(kind="local"))
        running.callback(model.close)
        model_url = model.start()
        (home / FILE_NAME).write_text(_SETTINGS + server.settings, encoding="utf-8")

        console.print("[bold]2.[/] Running an application: a support chat, ten calls.")
        _run(home, "smile_trace.demo.application", DEMO_MODEL_URL=model_url)

        console.print("[bold]3.[/] Explaining them: the worker, as `smile-trace worker --once`.")
        started = time.time()
        server.wait()
        _run(home, "smile_trace", "worker", "--once", **server.environment)

        store = Store.open(Settings(home=home))
        running.callback(store.close)
        shown = read_explained(store.database, since=started)
        _show(shown, console)
        _check(store.status())
        _print_addresses(home, server, model_url, serve=serve, console=console)
        if serve:
            _sleep_until_interrupted()
            console.print("Stopping …")


def _start(tracker: DemoName, home: Path) -> DemoTracker:
    match tracker:
        case "mlflow":
            return MLflow(home / "mlflow")
        case "phoenix":
            return Phoenix(home / "phoenix")
        case "comet_archive":
            return archives(home / "comet-archives")
    return reader_service(tracker)


def _run(home: Path, module: str, *arguments: str, **variables: str) -> None:
    """Run a module in a process of its own, as a user would; its output is shown."""
    # The home is the working directory, so that its settings file is the nearest one.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_TRACKERS)}
    environment = {**inherited, **variables, "SMILE_TRACE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=home, env=environment)
    if done.returncode:
        command = " ".join((module, *arguments))
        raise SmileTraceError(f"python -m {command} ended with exit code {done.returncode}.")


def _show(shown: list[Explained], console: Console) -> None:
    for one in shown:
        console.print()
        console.rule(f"[dim]{escape(_title(one.call))}[/]", align="left", style="dim")
        print_terminal(one.explanation, console)
        for url in one.urls.values():
            console.print(f"[dim]{escape(url)}[/]", soft_wrap=True)


def _title(call: Call) -> str:
    return " · ".join([*(f"{use.name} {use.version}" for use in call.prompts), call.name])


def _check(status: Status) -> None:
    reasons = [
        f"{one.count} × {one.reason}"
        for one in (
            *status.skipped_by_reason,
            *status.failed_by_reason,
            *status.pending_by_reason,
            *(reason for tracker in status.trackers for reason in tracker.refused),
            *(reason for tracker in status.trackers for reason in tracker.waiting_for),
        )
    ]
    waiting = sum(tracker.waiting for tracker in status.trackers)
    if reasons or waiting or status.explained != status.captured:
        raise SmileTraceError(
            f"{status.captured} calls were captured, {status.explained} explained, {waiting} "
            f"deliveries are waiting: {'; '.join(reasons) or 'see smile-trace status'}."
        )


def _print_addresses(
    home: Path, server: DemoTracker, model: str, *, serve: bool, console: Console
) -> None:
    console.print()
    console.rule("[bold]Done[/]", align="left")
    if serve:
        console.print(server.where, soft_wrap=True)
        console.print(f"To try the model yourself: OPENAI_BASE_URL={model}", soft_wrap=True)
    elif again := server.again:
        console.print(f"To look at it in the browser:\n  {again}", soft_wrap=True, markup=False)
    command = f"SMILE_TRACE_HOME={shlex.quote(str(home))} {_program()} compare support"
    console.print(f"Its two prompt versions:\n  {command}", soft_wrap=True, markup=False)
    if serve:
        console.print("Serving until Ctrl-C.")


def _program() -> str:
    """The command line of this installation, as it is typed here."""
    script = Path(sys.executable).with_name("smile-trace")
    if script.is_file():
        return shlex.quote(str(script))
    return f"{shlex.quote(sys.executable)} -m smile_trace"


def _sleep_until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
