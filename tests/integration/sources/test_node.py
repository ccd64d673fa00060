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

from tests.support.paths import DATA
from tests.support.planted import serving
from tests.support.received_application import check_explained
from tests.support.receiver_process import receiving
from tests.support.worker_settings import PROMPT, planted_answer

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
        check_explained(home, server.base_url, tmp_path / "tracker")
