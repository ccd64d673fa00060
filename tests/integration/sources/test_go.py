"""An application in Go, with OpenTelemetry's SDK and the GenAI conventions, is explained through
the receiver.

Debian's packages bring compiler and SDK (`golang-go`, `golang-opentelemetry-otel-dev`); where they
are not installed, it is skipped.
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

PACKAGES = Path("/usr/share/gocode")
"""Where Debian's packages put sources of Go."""


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application's program."""
    go = shutil.which("go")
    if go is None or not (PACKAGES / "src" / "go.opentelemetry.io" / "otel").is_dir():
        pytest.skip("Go or OpenTelemetry's SDK for it is not installed")
    program = tmp_path_factory.mktemp("go") / "application"
    subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=DATA / "go_application",
        env=os.environ | {"GO111MODULE": "off", "GOPATH": str(PACKAGES)},
        check=True,
    )
    return program


def test_it_is_explained(application: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        strict(lambda body: planted_answer(body["messages"][-1]["content"])) as server,
        receiving(home) as receiver,
    ):
        subprocess.run(
            [str(application), PROMPT],
            env=os.environ
            | {
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
                "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                "MODEL_URL": server.base_url,
            },
            check=True,
            timeout=300,
        )
        call = check_explained(home, server.base_url, tmp_path / "tracker")
        assert server.refused == []
    assert call.parameters == {"temperature": 0, "max_tokens": 50}
