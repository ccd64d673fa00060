"""The trackers that the demo delivers to, and the servers that it starts for them."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import httpx

from smile_trace.errors import SmileTraceError

PREFERRED_PORT = 5210
"""Tried first, so that links of an earlier run stay valid."""
CHECKOUT = Path(__file__).parents[2]
"""The root of the checkout, where this package runs from one."""


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


class DemoTracker(Protocol):
    """A tracker that the demo delivers to."""

    @property
    def name(self) -> str:
        """As in the settings."""
        ...

    @property
    def settings(self) -> str:
        """Its table, as TOML."""
        ...

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the processes that deliver to it."""
        ...

    @property
    def where(self) -> str:
        """What to open, in a sentence."""
        ...

    @property
    def again(self) -> str:
        """How it is opened once the demo has ended."""
        ...

    def wait(self) -> None:
        """Until it can be delivered to."""
        ...

    def stop(self) -> None:
        """End what was started for it."""
        ...


class MLflow:
    """A real `mlflow server` on SQLite and a loopback port; its state lives in `folder`.

    Starting it takes some fifteen seconds, so it starts at once and `wait()` comes later.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(PREFERRED_PORT)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "mlflow.log"
        self._folder = folder
        self._process = start_mlflow(folder, self.port)

    @property
    def name(self) -> str:
        """Its name in the terminal."""
        return "a real MLflow server"

    @property
    def settings(self) -> str:
        """The tracker's table in the settings."""
        return f'[trackers.mlflow]\ntracking_uri = "{self.url}"\nexperiment = "smile-trace demo"\n'

    @property
    def environment(self) -> dict[str, str]:
        """Nothing: the settings suffice."""
        return {}

    @property
    def where(self) -> str:
        """Where a person finds the result."""
        return (
            f"MLflow, to click around: {self.url}\n"
            "  (open a trace of the experiment: the heatmap is under the LLM span)"
        )

    @property
    def again(self) -> str:
        """The command that serves it again."""
        return shlex.join(mlflow_command(self._folder, self.port))

    def wait(self, seconds: float = 120.0) -> None:
        """Wait until the server answers.

        Raises:
            SmileTraceError: it ended, or did not answer in time; the message names its log.
        """
        wait_for_server("MLflow", self._process, f"{self.url}/health", self.log, seconds)

    def stop(self) -> None:
        """End the server and its workers; quietly where it has ended already."""
        end_session(self._process)
