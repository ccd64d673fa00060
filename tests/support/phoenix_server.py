"""A real `phoenix serve` on SQLite and free loopback ports, one for a whole test run.

It is installed by `make .venv-phoenix/.installed`. Tests are skipped where it is not, unless it is
required.
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from smile_trace.demo.trackers import INSTALLED, start_phoenix, wait_for_server
from smile_trace.records import Span
from smile_trace.trackers.otlp import MEDIA_TYPES, to_request
from tests.support.ports import steady_port
from tests.support.shared_server import Guard, Shared, shared_server

REQUIRED = "SMILE_TRACE_REQUIRE_PHOENIX"
"""Set to 1 where a missing Phoenix is a failure."""


class PhoenixServer:
    """A running server, which other tests use at the same time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

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

    def annotate(self, kind: str, row: Any) -> None:
        """Annotate a span or a trace, as a client does."""
        url = f"{self.url}/v1/{kind}_annotations"
        reply = httpx.post(url, json={"data": [row]}, params={"sync": True}, timeout=60)
        reply.raise_for_status()

    def settled(self, path: str, **params: Any) -> Any:
        """As `get`, once the spans that it has taken until now are written."""
        wait_until_written(self.url)
        return self.get(path, **params)

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
def phoenix_server(request: pytest.FixtureRequest) -> PhoenixServer:
    """The running server of the run."""
    check_installed()
    return PhoenixServer(shared_server(request.config, "phoenix", _start).port)


def _start(folder: Path, guard: Guard) -> Shared:
    port, log = steady_port(), folder / "phoenix.log"
    process = start_phoenix(folder, port)
    guard(process.pid, "")
    wait_for_server("Phoenix", process, f"http://127.0.0.1:{port}/healthz", log, seconds=600)
    return Shared(folder, port)
