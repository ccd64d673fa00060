"""Real `mlflow server`s on SQLite and loopback ports: one that a run shares, and one's own."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from smile_trace.demo.trackers import start_mlflow
from tests.support.ports import steady_port
from tests.support.shared_server import Guard, Shared, shared_server


class MLflowServer:
    """A running server, which other tests use at the same time."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.uri = f"http://127.0.0.1:{port}"

    def answers(self) -> bool:
        """Whether the server answers right now."""
        try:
            return httpx.get(f"{self.uri}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def new_experiment(self) -> str:
        """A name that no other test uses; whoever delivers to it makes it."""
        return f"test-{uuid.uuid4().hex[:12]}"


class OwnMLflowServer(MLflowServer):
    """A server that can be stopped and started again on the same port with its data kept."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, steady_port())
        self.log = folder / "mlflow.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> int:
        """Start it; with `wait`, until it answers. Gives its process group."""
        self._process = start_mlflow(self.folder, self.port)
        if wait:
            self.wait()
        return self._process.pid

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


@pytest.fixture(scope="session")
def _mlflow_server(request: pytest.FixtureRequest) -> MLflowServer:
    return MLflowServer(*shared_server(request.config, "mlflow", _start))


def _start(folder: Path, guard: Guard) -> Shared:
    server = OwnMLflowServer(folder)
    guard(server.start(wait=False), "")
    server.wait()
    return Shared(folder, server.port)


@pytest.fixture
def mlflow_server(_mlflow_server: MLflowServer) -> Iterator[MLflowServer]:
    """The running server of the run.

    `mlflow` itself points at it too, for what a test does as a user.
    """
    with _pointed_at(_mlflow_server):
        yield _mlflow_server


@pytest.fixture
def own_mlflow_server(tmp_path: Path) -> Iterator[OwnMLflowServer]:
    """A running server of this test alone, to be stopped or deleted from; it takes ten seconds."""
    folder = tmp_path / "mlflow"
    folder.mkdir()
    server = OwnMLflowServer(folder)
    try:
        server.start()
        with _pointed_at(server):
            yield server
    finally:
        server.stop()


@contextmanager
def _pointed_at(server: MLflowServer) -> Iterator[None]:
    import mlflow

    mlflow.set_tracking_uri(server.uri)
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
