"""A real `phoenix serve` on SQLite and free loopback ports, one for the whole test session.

It is installed by `make .venv-phoenix/.installed`. Tests are skipped where it is not, unless it is
required.
"""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smile_trace.demo.phoenix import INSTALLED, start_phoenix
from smile_trace.records import Span
from smile_trace.trackers.otlp import MEDIA_TYPES, to_request
from tests.support.ports import steady_port

REQUIRED = "SMILE_TRACE_REQUIRE_PHOENIX"
"""Set to 1 where a missing Phoenix is a failure."""


class PhoenixServer:
    """A server that can be stopped and started again on the same port with its data kept.

    `more`: further variables of its environment, such as `PHOENIX_ENABLE_AUTH`.
    """

    def __init__(self, folder: Path, **more: str) -> None:
        self.port = steady_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "phoenix.log"
        self.folder = folder
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = start_phoenix(self.folder, self.port, **self._more)
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-2000:]
            if self.answers():
                return
            time.sleep(0.2)
        raise AssertionError(f"phoenix did not start: {self.log.read_text()[-2000:]}")

    def answers(self) -> bool:
        """Whether the server answers right now."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def get(self, path: str, **params: Any) -> Any:
        """What its REST interface holds there; empty where there is no such thing."""
        return _get(self.url, path, **params)

    def delete(self, path: str) -> None:
        """Delete what its REST interface holds there."""
        httpx.delete(f"{self.url}/v1/{path}", timeout=60).raise_for_status()

    def settled(self, path: str, **params: Any) -> Any:
        """As `get`, once the spans that it has taken until now are written."""
        wait_until_written(self.url)
        return self.get(path, **params)

    def stop(self) -> None:
        """End the server at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def new_project(self) -> str:
        """A name that no other test uses; whoever delivers to it makes it."""
        return f"test-{uuid.uuid4().hex[:12]}"


def wait_until_written(url: str) -> None:
    """Wait for the spans that the server there has taken until now: it answers before it writes."""
    marker = Span(
        trace_id=uuid.uuid4().hex,
        span_id=uuid.uuid4().hex[:16],
        name="marker",
        start_ns=1,
        end_ns=2,
        resource={"openinference.project.name": "markers"},
    )
    body = to_request([marker])
    headers = {"Content-Type": MEDIA_TYPES["protobuf"], "Content-Encoding": "gzip"}
    deadline = time.monotonic() + 300
    while not httpx.post(f"{url}/v1/traces", content=body, headers=headers, timeout=60).is_success:
        assert time.monotonic() < deadline, "phoenix takes nothing"
        time.sleep(0.05)
    while not _get(url, "projects/markers/spans", trace_id=marker.trace_id):
        assert time.monotonic() < deadline, "phoenix does not write what it took"
        time.sleep(0.05)


def _get(url: str, path: str, **params: Any) -> Any:
    response = httpx.get(f"{url}/v1/{path}", params=params, timeout=60)
    return response.json()["data"] if response.is_success else []


def check_installed() -> None:
    """Skip the test, or fail it where Phoenix is required, where it is not installed."""
    if INSTALLED.exists():
        return
    sentence = "Phoenix is not installed: make .venv-phoenix/.installed"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def _phoenix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoenixServer]:
    check_installed()
    server = PhoenixServer(tmp_path_factory.mktemp("phoenix"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def phoenix_server(_phoenix_server: PhoenixServer) -> PhoenixServer:
    """The running server of the session; started again where a test has left it stopped."""
    if not _phoenix_server.running:
        _phoenix_server.start()
    return _phoenix_server
