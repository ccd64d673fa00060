"""The demo's trackers: real servers that it starts, the environment's service, or a folder. Phoenix
(Elastic License 2.0) is never installed with smile-trace, but in an environment of its own."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from smile_trace.errors import SmileTraceError

MLFLOW_PORT, PHOENIX_PORT = 5210, 6006
"""Ports tried first, so that links of an earlier run stay valid."""

INSTALLED = Path(__file__).parents[2] / ".venv-phoenix" / "bin" / "python"
"""The Python that has Phoenix after `make .venv-phoenix/.installed` in the checkout."""
_QUIET = {
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    "PHOENIX_AGENTS_DISABLE_BASH": "true",
    "PHOENIX_ENABLE_MCP_SERVER": "false",
}
"""Phoenix asks nobody for anything, and offers only what is used here."""


@dataclass
class DemoTracker:
    """A tracker that the demo delivers to.

    Attributes:
        settings: its table, as TOML.
        where: what to open, in a sentence.
        again: the command that opens it once the demo has ended; "" if there is none.
        environment: variables of the worker that delivers to it; a key is never written to a file.
    """

    name: str
    settings: str
    where: str
    again: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def wait(self) -> None:
        """Wait until it can be delivered to."""

    def stop(self) -> None:
        """End what was started for it."""


class _Server(DemoTracker):
    """A server on a loopback port, started at once; `wait()` comes later."""

    title: str
    port: int
    log: Path
    seconds: float
    health: str
    _process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Wait until the server answers; raises SmileTraceError if it ended or is late."""
        address = f"{self.url}/{self.health}"
        wait_for_server(self.title, self._process, address, self.log, self.seconds)

    def stop(self) -> None:
        """End the server and what it started; do nothing if it has ended already."""
        end_session(self._process)


class MLflow(_Server):
    """A real `mlflow server` on SQLite in `folder`, ready after some fifteen seconds."""

    title, health, seconds = "MLflow", "health", 120.0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.log = free_port(MLFLOW_PORT), folder / "mlflow.log"
        self._process = start_mlflow(folder, self.port)
        super().__init__(
            name="a real MLflow server",
            settings=f'[trackers.mlflow]\ntracking_uri = "{self.url}"\n'
            'experiment = "smile-trace demo"\n',
            where=f"MLflow, to click around: {self.url}\n"
            "  (open a trace of the experiment: the heatmap is under the LLM span)",
            again=shlex.join(mlflow_command(folder, self.port)),
        )


class Phoenix(_Server):
    """A real `phoenix serve` on SQLite in `folder`, ready after some twenty seconds; raises
    SmileTraceError if it is not installed."""

    title, health, seconds = "Phoenix", "healthz", 240.0

    def __init__(self, folder: Path) -> None:
        if not INSTALLED.exists():
            raise SmileTraceError(
                "The demo for Phoenix starts a Phoenix server, which is installed beside a "
                "checkout of smile-trace: run it there (make demo TRACKER=phoenix)."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.log = free_port(PHOENIX_PORT), folder / "phoenix.log"
        self._process = start_phoenix(folder, self.port)
        variables = phoenix_environment(folder, self.port)
        super().__init__(
            name="a real Phoenix server",
            settings=f'[trackers.phoenix]\nurl = "{self.url}"\nproject = "smile-trace demo"\n',
            where=f"Phoenix, to click around: {self.url}\n"
            "  (open a trace of the project: the heatmap is under the LLM span)",
            again=shlex.join(
                ["env", *(f"{k}={v}" for k, v in variables.items()), *phoenix_command()]
            ),
        )


@dataclass(frozen=True)
class Service:
    """A service that the environment names.

    Attributes:
        asked_by: variables any of which says that the reader has it.
        prefix: of all its variables.
        options: of the tracker's table, as TOML.
    """

    title: str
    asked_by: tuple[str, ...]
    prefix: str
    options: str = ""

    @property
    def named(self) -> str | None:
        """The variable by which the environment names it, or None."""
        return next((name for name in self.asked_by if os.environ.get(name)), None)


_OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICES = {
    "langfuse": Service("Langfuse", ("LANGFUSE_SECRET_KEY",), "LANGFUSE_"),
    "comet": Service("Comet", ("COMET_API_KEY",), "COMET_", 'project = "smile-trace-demo"\n'),
    "opik": Service(
        "Opik", ("OPIK_API_KEY", "OPIK_URL_OVERRIDE"), "OPIK_", 'project = "smile-trace demo"\n'
    ),
    "otlp": Service("OTLP", _OTLP, "OTEL_EXPORTER_OTLP_"),
}


def reader_service(tracker: str) -> DemoTracker:
    """The reader's own service; raises SmileTraceError if the environment names none."""
    service = SERVICES[tracker]
    if (named := service.named) is None:
        raise SmileTraceError(
            f"The demo for {service.title} delivers to your own: set {service.asked_by[0]}. To see "
            f"without one what is sent, run it in a checkout (make demo TRACKER={tracker})."
        )
    return DemoTracker(
        name=f"{service.title} ({named} is set)",
        settings=f"[trackers.{tracker}]\n{service.options}",
        where=f"Look at it in your {service.title}.",
        environment={k: v for k, v in os.environ.items() if k.startswith(service.prefix)},
    )


def archives(folder: Path) -> DemoTracker:
    """Comet's offline archives in a folder: nothing is started, and nobody is asked."""
    return DemoTracker(
        name="a folder for Comet's offline archives",
        settings=f"[trackers.comet_archive]\ndirectory = {json.dumps(str(folder))}\n",
        where=f"The archives, one per prompt version: {folder}",
        again=f"comet upload {shlex.quote(str(folder))}/*.zip",
    )


def free_port(preferred: int) -> int:
    """`preferred` if nothing listens there on loopback, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SmileTraceError("No loopback port is free: close some programs and try again.")


def mlflow_command(folder: Path, port: int) -> list[str]:
    """The server's command: it answers to its own names only, whatever the environment allows."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--allowed-hosts", "localhost:*,127.0.0.1:*"),  # no name that resolves to them
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def start_mlflow(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start an `mlflow server` on a loopback port, with its data and `mlflow.log` in `folder`.

    Its own session lets one signal reach server and workers, but keeps Ctrl-C from them.
    """
    with (folder / "mlflow.log").open("ab") as log:
        return subprocess.Popen(
            mlflow_command(folder, port),
            cwd=folder,  # Python looks for modules there, and the caller's may be anybody's
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                # How another server of the user's is opened up says nothing about this one.
                **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_SERVER_")},
                "MLFLOW_DISABLE_TELEMETRY": "true",
                # Judges and their scheduler: three more processes that the demo does not need.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )


def end_session(process: "subprocess.Popen[bytes]") -> None:
    """End a process that has a session of its own, and what it started."""
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def wait_for_server(
    name: str, process: "subprocess.Popen[bytes]", address: str, log: Path, seconds: float
) -> None:
    """Wait for a started server to answer; raises SmileTraceError if it ended or is late."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SmileTraceError(f"The {name} server ended while starting: see {log}")
        try:
            if httpx.get(address, timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.3)
    raise SmileTraceError(f"The {name} server did not answer within {seconds:.0f} s: see {log}")


def phoenix_command() -> list[str]:
    """The command that starts Phoenix again, without its environment."""
    return [str(INSTALLED), "-m", "phoenix.server.main", "serve"]


def phoenix_environment(folder: Path, port: int) -> dict[str, str]:
    """Phoenix's variables: data in `folder`, and only loopback."""
    return {
        **_QUIET,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port(0)),
    }


def start_phoenix(folder: Path, port: int, **more: str) -> "subprocess.Popen[bytes]":
    """Start a `phoenix serve` like `start_mlflow`, with `more` variables of its environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PHOENIX_", "OTEL_"))}
    with (folder / "phoenix.log").open("ab") as log:
        return subprocess.Popen(
            phoenix_command(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**inherited, **phoenix_environment(folder, port), **more},
        )
