"""A real `mlflow server` on SQLite and a free loopback port, one for the whole test session."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from smile_trace.demo.servers import start_mlflow
from tests.support.ports import steady_port


class MLflowServer:
    """A server that can be stopped and started again on the same port with its data kept."""

    def __init__(self, folder: Path) -> None:
        self.port = steady_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "mlflow.log"
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, until it answers."""
        self._process = start_mlflow(self.folder, self.port)
        if wait:
            self.wait()

    def wait(self, seconds: float = 600.0) -> None:
        """Until the server answers."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            if self.answers():
                return
            time.sleep(0.2)
        raise AssertionError(f"mlflow server did not start: {self.log.read_text()[-2000:]}")

    def answers(self) -> bool:
        """Whether the server answers right now."""
        try:
            return httpx.get(f"{self.uri}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def written_ns(self) -> int:
        """When its database was last written to, in Unix nanoseconds."""
        times = [0]
        for name in ("mlflow.db", "mlflow.db-journal", "mlflow.db-wal"):
            with suppress(FileNotFoundError):  # a journal goes with its transaction
                times.append((self.folder / name).stat().st_mtime_ns)
        return max(times)

    def stop(self) -> None:
        """End the server and what it started, at once: what it has said it keeps, it keeps."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def new_experiment(self) -> str:
        """A name that no other test uses; whoever delivers to it makes it."""
        return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def _mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    server = MLflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mlflow_server(
    _mlflow_server: MLflowServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MLflowServer]:
    """The running server of the session; started again where a test has left it stopped.

    `mlflow` itself points at it too, for what a test does as a user.
    """
    import mlflow

    if _mlflow_server._process is None:
        _mlflow_server.start()
    mlflow.set_tracking_uri(_mlflow_server.uri)
    yield _mlflow_server
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
