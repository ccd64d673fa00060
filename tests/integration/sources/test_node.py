"""An application in JavaScript, traced by Vercel's AI SDK, is explained through the receiver.

Its packages are installed once, beside the Python environment; without npm or its registry the
recorded spans have to do (tests/unit/dialects).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.paths import DATA
from tests.support.planted import serving
from tests.support.receiver_process import receiving
from tests.support.worker_settings import PROMPT, WORD, planted_answer, settings_tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def application() -> Path:
    """The application's folder, with its packages."""
    if not (npm := shutil.which("npm")) or not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    folder = Path(sys.prefix) / "node_application"
    shutil.copytree(DATA / "node_application", folder, dirs_exist_ok=True)
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.skip(f"its packages cannot be installed: {done.stderr[-300:]}")
    return folder


def test_it_is_explained(application: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(planted_answer) as server, receiving(home) as receiver:
        subprocess.run(
            ["node", "application.js", PROMPT],
            cwd=application,
            env=os.environ
            | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "MODEL_URL": server.base_url},
            check=True,
            timeout=300,
        )
        budget = {"calls_per_explanation": 40, "usd_per_explanation": None}
        settings = Settings(home=home, **settings_tables(server.base_url, {"budget": budget}))
        status = run(settings, once=True, trackers=[FolderTracker(tmp_path / "tracker")])
    assert (status.captured, status.explained) == (1, 1)
    store = Store.open(settings)
    try:
        [call_id] = store.traces.find_calls("")
        call = store.traces.call(call_id)
        explanation = store.explanation(call_id)
        assert call is not None
        assert explanation is not None
        assert [message.role for message in call.messages] == ["system", "user"]
        assert call.messages[1].content == PROMPT
        assert call.answer == planted_answer(PROMPT)
        assert WORD in explanation.drivers[0].text
    finally:
        store.close()
