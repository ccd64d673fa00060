"""An application in another language is explained through the receiver.

In Go with OpenTelemetry's SDK and the GenAI conventions: Debian's packages bring compiler and SDK
(`golang-go`, `golang-opentelemetry-otel-dev`). Where they are missing it is skipped. Those in
JavaScript are among the instrumentors (tests/instrumentors).
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import DATA
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
