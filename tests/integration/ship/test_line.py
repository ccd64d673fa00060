"""An application host that only ships: what it captured is explained where the worker is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.worker.lock import WorkerError, check_health
from tests.support.planted import PlantedServer, serving
from tests.support.receiver_process import receiving
from tests.support.shipper_process import ShipperProcess
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import PROMPT, planted_answer, settings_tables, wait_for

APPLICATION = f"""
import smile_trace

@smile_trace.trace(model="planted")
def ask(prompt):
    return {planted_answer(PROMPT)!r}

ask({PROMPT!r})
"""


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    with serving(planted_answer) as running:
        yield running


def test_a_captured_call_is_shipped_and_explained(server: PlantedServer, tmp_path: Path) -> None:
    host, central = tmp_path / "host", tmp_path / "central"
    environment = os.environ | {"SMILE_TRACE_HOME": str(host)}
    subprocess.run([sys.executable, "-c", APPLICATION], env=environment, check=True)
    assert [*(host / "spool").glob("*.jsonl")]
    workers = WorkerProcesses(central, settings_tables(server.base_url, {}))
    with receiving(central) as receiver:
        shipper = ShipperProcess(host, receiver.address)
        try:
            shipper.start()
            workers.start()
            wait_for(lambda: workers.tracker.visible("explanation"))
            wait_for(lambda: not [*(host / "spool").glob("*.jsonl")])
            assert shipper.stop() == 0, shipper.said()
        finally:
            shipper.close()
            workers.close()
    assert "WARNING" not in shipper.said()
    with pytest.raises(WorkerError, match=r"^no shipper runs on .*: start smile-trace ship$"):
        check_health(host)
