"""The worker receives by itself where the settings name a port."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace.settings import Settings
from smile_trace.sources.receiver.serve import ReceiverError
from smile_trace.worker.run import run
from tests.support.otlp_requests import to_protobuf
from tests.support.planted import PlantedServer, serving
from tests.support.ports import steady_port
from tests.support.receiver_process import PROTOBUF, post, receiving
from tests.support.spooled import call_span, line
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import PROMPT, planted_answer, settings_tables, wait_for


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    with serving(planted_answer) as running:
        yield running


@pytest.fixture
def port() -> int:
    return steady_port()


@pytest.fixture
def tables(server: PlantedServer, port: int) -> dict[str, Any]:
    return settings_tables(server.base_url, {"receive": {"port": port}})


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_what_it_receives_it_explains(tables: dict[str, Any], port: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    workers = WorkerProcesses(home, tables)
    try:
        worker = workers.start()
        wait_for(lambda: listens(port))
        span = call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))
        request = to_protobuf(json.loads(line(span)))
        url = f"http://127.0.0.1:{port}/v1/traces"
        assert post(url, request, PROTOBUF).status == 200
        wait_for(lambda: workers.tracker.visible("explanation"))
        workers.stop(worker)
        assert not listens(port)
    finally:
        workers.close()


def test_a_taken_port_is_an_error_that_says_what_to_do(
    tables: dict[str, Any], port: int, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home", **tables)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ReceiverError, match=r"choose another one \(--port"),
    ):
        run(settings, once=True, trackers=[])


def test_beside_a_receiver_of_its_home_it_reads_what_that_one_takes(
    server: PlantedServer, tmp_path: Path
) -> None:
    """Both have the same settings, port included, and the receiver a `--port` beside."""
    with receiving(tmp_path / "home") as receiver:
        tables = settings_tables(server.base_url, {"receive": {"port": receiver.port}})
        span = call_span(1, prompt=PROMPT, answer=planted_answer(PROMPT))
        request = to_protobuf(json.loads(line(span)))
        assert post(receiver.traces, request, PROTOBUF).status == 200
        done = run(Settings(home=receiver.home, **tables), once=True, trackers=[])
        assert done.explained == 1
        with pytest.raises(ReceiverError, match="choose another one"):
            run(Settings(home=tmp_path / "other", **tables), once=True, trackers=[])
