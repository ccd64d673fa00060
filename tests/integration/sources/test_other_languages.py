"""Applications in other languages are explained through the receiver.

In Go with OpenTelemetry's SDK and the GenAI conventions: Debian's packages bring compiler and SDK
(`golang-go`, `golang-opentelemetry-otel-dev`). In JavaScript with Vercel's AI SDK, whose packages
are installed once, beside the Python environment. Where something is missing it is skipped, and
the recorded spans have to do (tests/unit/dialects).
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
from tests.support.strict_openai import strict
from tests.support.worker_settings import PROMPT, planted_answer

pytestmark = pytest.mark.slow

GO_PACKAGES = Path("/usr/share/gocode")
"""Where Debian's packages put sources of Go."""


def test_an_application_in_go(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None or not (GO_PACKAGES / "src" / "go.opentelemetry.io" / "otel").is_dir():
        pytest.skip("Go or OpenTelemetry's SDK for it is not installed")
    home, program = tmp_path / "home", tmp_path / "application"
    built = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES)}
    build = [go, "build", "-o", str(program), "."]
    subprocess.run(build, cwd=DATA / "go_application", env=os.environ | built, check=True)
    with (
        strict(lambda body: planted_answer(body["messages"][-1]["content"])) as server,
        receiving(home) as receiver,
    ):
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "MODEL_URL": server.base_url,
        }
        subprocess.run([program, PROMPT], env=os.environ | told, check=True, timeout=300)
        call = check_explained(home, server.base_url, tmp_path / "tracker")
        assert server.refused == []
    assert call.parameters == {"temperature": 0, "max_tokens": 50}


def test_an_application_in_javascript(tmp_path: Path) -> None:
    if not (npm := shutil.which("npm")) or not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    home, folder = tmp_path / "home", Path(sys.prefix) / "node_application"
    shutil.copytree(DATA / "node_application", folder, dirs_exist_ok=True)
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode:
        pytest.skip(f"its packages cannot be installed: {done.stderr[-300:]}")
    with serving(planted_answer) as server, receiving(home) as receiver:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "MODEL_URL": server.base_url}
        run = ["node", "application.js", PROMPT]
        subprocess.run(run, cwd=folder, env=os.environ | told, check=True, timeout=300)
        check_explained(home, server.base_url, tmp_path / "tracker")
