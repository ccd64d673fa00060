"""An application host that only ships: what it captured is explained where the worker is, once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.worker.lock import WorkerError, check_health
from smile_trace.worker.run import run
from tests.support import killed_shipper
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import serving
from tests.support.receiver_process import receiving
from tests.support.shipper_process import ShipperProcess
from tests.support.worker_settings import PROMPT, planted_answer, settings_tables, wait_for

APPLICATION = f"""
import smile_trace

@smile_trace.trace(model="planted")
def ask(prompt):
    return {planted_answer(PROMPT)!r}

ask({PROMPT!r})
"""


@pytest.mark.slow
def test_a_captured_call_is_shipped_and_explained(tmp_path: Path) -> None:
    host, central = tmp_path / "host", tmp_path / "central"
    environment = os.environ | {"SMILE_TRACE_HOME": str(host)}
    subprocess.run([sys.executable, "-c", APPLICATION], env=environment, check=True)
    assert [*(host / "spool").glob("*.jsonl")]
    tracker = FakeTracker()
    with serving(planted_answer) as server, receiving(central) as receiver:
        shipper = ShipperProcess(host, receiver.address)
        try:
            shipper.start()
            wait_for(lambda: not [*(host / "spool").glob("*.jsonl")])
            assert shipper.stop() == 0, shipper.said()
        finally:
            shipper.close()
        settings = Settings(home=central, **settings_tables(server.base_url, {}))
        assert run(settings, once=True, trackers=[tracker]).explained == 1
    assert len(tracker.explanations) == 1
    assert "WARNING" not in shipper.said()
    with pytest.raises(WorkerError, match=r"^no shipper runs on .*: start smile-trace ship$"):
        check_health(host)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_killed_shippers_and_receivers_had_is_in_the_store_once(
    seed: int, tmp_path: Path
) -> None:
    outcome = killed_shipper.run(seed, tmp_path)
    assert outcome.kills >= 5
    assert outcome.good, outcome.line
