"""The trackers that the demo delivers to: real servers that it starts, the service that the
environment names, or a folder.

Phoenix (Elastic License 2.0) is never installed with smile-trace: it runs as another program, out
of an environment of its own beside a checkout.
"""

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
"""Tried first, so that links of an earlier run stay valid."""

INSTALLED = Path(__file__).parents[2] / ".venv-phoenix" / "bin" / "python"
"""The Python that has Phoenix, where `make .venv-phoenix/.installed` was run in the checkout."""
_QUIET = {
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    "PHOENIX_AGENTS_DISABLE_BASH": "true",
    "PHOENIX_ENABLE_MCP_SERVER": "false",
}
"""It asks nobody for anything, and offers only what is used here."""


@dataclass
class DemoTracker:
    """A tracker that the demo delivers to.

    Attributes:
        name: its name in the terminal.
        settings: its table, as TOML.
        where: what to open, in a sentence.
        again: the command that opens it once the demo has ended; "" where there is none.
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
    """A server on a loopback port, which starts at once; `wait()` comes later."""

    title: str
    port: int
    log: Path
    seconds: float
    health: str
    _process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            SmileTraceError: it ended, or did not answer in time; the message names its log.
        """
        address = f"{self.url}/{self.health}"
        wait_for_server(self.title, self._process, address, self.log, self.seconds)

    def stop(self) -> None:
        """End the server and what it started; quietly where it has ended already."""
        end_session(self._process)


class MLflow(_Server):
    """A real `mlflow server` on SQLite; its state lives in `folder`. It takes fifteen seconds."""

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
    """A real `phoenix serve` on SQLite; its state lives in `folder`. It takes twenty seconds.

    Raises:
        SmileTraceError: it is not installed in this checkout.
    """

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
        title: its name.
        asked_by: the variables of which one says that the reader has it.
        prefix: that of all its variables.
        options: of the tracker's table.
    """

    title: str
    asked_by: tuple[str, ...]
    prefix: str
    options: str = ""

    @property
    def named(self) -> str | None:
        """The variable by which the environment names it."""
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
    """The reader's own service.

    Raises:
        SmileTraceError: the environment names none.
    """
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
    """How the server is started: for its own names only, whatever the environment opens up."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--allowed-hosts", "localhost:*,127.0.0.1:*"),  # no name that resolves to them
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]


def start_mlflow(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """An `mlflow server` on a loopback port, with its database, files and `mlflow.log` in `folder`.

    It has a session of its own, so that one signal reaches the server and its workers, and
    Ctrl-C in the terminal does not. It answers after some fifteen seconds.
    """
    with (folder / "mlflow.log").open("ab") as log:
        return subprocess.Popen(
            mlflow_command(folder, port),
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
    """Wait until a server that was started answers at an address.

    Raises:
        SmileTraceError: it ended, or did not answer in time; the message names its log.
    """
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
    """What starts it again, without its environment."""
    return [str(INSTALLED), "-m", "phoenix.server.main", "serve"]


def phoenix_environment(folder: Path, port: int) -> dict[str, str]:
    """Its variables: what it keeps lies in `folder`, and it listens on loopback alone."""
    return {
        **_QUIET,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port(0)),
    }


def start_phoenix(folder: Path, port: int, **more: str) -> "subprocess.Popen[bytes]":
    """A `phoenix serve` on a loopback port, with its database and `phoenix.log` in `folder`.

    It has a session of its own, as `start_mlflow`'s has. It answers after some twenty seconds.

    Args:
        more: further variables of its environment.
    """
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
