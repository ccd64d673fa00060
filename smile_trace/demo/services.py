"""The MLflow server that the demo starts, and stops again whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from smile_trace.errors import SmileTraceError

PREFERRED_PORT = 5210
"""Tried first, so that links of an earlier run stay good."""


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


class MLflowServer:
    """A real `mlflow server` on SQLite and a loopback port; its state lives in `folder`.

    Starting it takes some fifteen seconds, so it starts at once and `wait()` comes later.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(PREFERRED_PORT)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "mlflow.log"
        with self.log.open("ab") as log:
            # A session of its own, so that one signal reaches the server and its workers,
            # and Ctrl-C in the terminal reaches only us.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                    *("--host", "127.0.0.1", "--port", str(self.port)),
                    *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                    *("--artifacts-destination", str(folder / "artifacts")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={
                    **os.environ,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    # Judges and their scheduler: three more processes that nobody needs here.
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
            )

    def wait(self, seconds: float = 120.0) -> None:
        """Until the server answers.

        Raises:
            SmileTraceError: it ended, or did not answer in time; the message names its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise SmileTraceError(f"The MLflow server ended while starting: see {self.log}")
            try:
                if httpx.get(f"{self.url}/health", timeout=2).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.3)
        raise SmileTraceError(
            f"The MLflow server did not answer within {seconds:.0f} s: see {self.log}"
        )

    def stop(self) -> None:
        """End the server and its workers; quietly where it has ended already."""
        for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self._process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()

    def __enter__(self) -> "MLflowServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
