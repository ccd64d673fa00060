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

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.paths import DATA
from tests.support.receiver_process import receiving
from tests.support.strict_openai import strict
from tests.support.worker_settings import PROMPT, WORD, planted_answer, settings_tables

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
        budget = {"calls_per_explanation": 40, "usd_per_explanation": None}
        settings = Settings(home=home, **settings_tables(server.base_url, {"budget": budget}))
        status = run(settings, once=True, trackers=[FolderTracker(tmp_path / "tracker")])
        assert server.refused == []
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
        assert call.parameters == {"temperature": 0, "max_tokens": 50}
        assert WORD in explanation.drivers[0].text
    finally:
        store.close()
