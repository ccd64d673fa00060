"""A tracker's server is hostile: bounded in time and size, and never believed with a key."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_server import ATTACKS, Attack, HostileServer
from tests.support.paths import ROOT

KEY = "key-of-no-known-shape-1"


SECONDS, MEGABYTES = 60.0, 120


TRIED = ("drip", "drip_header", "endless", "bomb", "redirect", "nested", "odd_json", "echo")
QUICK = [("opik", "redirect"), ("langfuse", "endless"), ("otlp", "bomb")]
"""Each starts a process, so that the others are tried in `make test-all`."""

ATTEMPT = """
import sys, time
from tests.support.comet_samples import captured, prompt_trace
from tests.support.peak_memory import peak_megabytes
tracker, url, key, elsewhere = sys.argv[1:]
if tracker == "mlflow":
    import mlflow
    from smile_trace_mlflow import MLflowTracker as Tracker
    options = {"tracking_uri": url}
elif tracker == "phoenix":
    from smile_trace_phoenix import PhoenixTracker as Tracker
    options = {"url": url, "timeout_seconds": 1}
elif tracker == "langfuse":
    from smile_trace_langfuse import LangfuseTracker as Tracker
    options = {"url": url, "timeout_seconds": 1}
elif tracker == "otlp":
    from smile_trace_otlp import OtlpTracker as Tracker
    headers = {"Authorization": "HOSTILE_TEST_KEY"}
    options = {"endpoint": url, "header_env": headers, "timeout_seconds": 1}
elif tracker == "opik":
    from smile_trace_opik import OpikTracker as Tracker
    options = {"url": url + "/api", "timeout_seconds": 1}
else:
    from smile_trace_comet import CometTracker as Tracker, sdk
    sdk.load()
    options = {"timeout_seconds": 1}
made = Tracker.from_settings(options)
before, started = peak_megabytes(), time.monotonic()
for attempt in (lambda: made.deliver_traces(captured(prompt_trace(1))), made.check):
    try:
        said = repr(attempt())
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    assert key not in said, said
    assert said.isprintable(), said
    print(said)
print(time.monotonic() - started, peak_megabytes() - before)
"""


@pytest.fixture
def elsewhere() -> Iterator[HostileServer]:
    with HostileServer("garbage") as server:
        yield server


@pytest.mark.parametrize(
    ("tracker", "attack"),
    [
        pytest.param(tracker, attack, marks=[] if (tracker, attack) in QUICK else pytest.mark.slow)
        for tracker in ("mlflow", "opik", "comet", "phoenix", "langfuse", "otlp")
        for attack in TRIED
    ],
)
def test_an_attack_is_bounded_and_tells_nothing(
    tracker: str, attack: Attack, elsewhere: HostileServer, tmp_path: Path
) -> None:
    assert attack in ATTACKS
    with HostileServer(attack, elsewhere=elsewhere.url) as server:
        environment = {
            **os.environ,
            "OPIK_API_KEY": KEY,
            "PHOENIX_API_KEY": KEY,
            "LANGFUSE_PUBLIC_KEY": "pk-lf-hostile",
            "LANGFUSE_SECRET_KEY": KEY,
            "HOSTILE_TEST_KEY": KEY,
            "OPIK_CONFIG_PATH": str(tmp_path / "opik.config"),
            "COMET_API_KEY": KEY,
            "COMET_URL_OVERRIDE": f"{server.url}/clientlib/",
            "COMET_CONFIG": str(tmp_path / "comet.config"),
            "COMET_ERROR_TRACKING_ENABLE": "false",
            "MLFLOW_TRACKING_TOKEN": KEY,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "1",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }
        run = subprocess.run(
            [sys.executable, "-c", ATTEMPT, tracker, server.url, KEY, elsewhere.url],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    assert run.returncode == 0, run.stderr
    *_, last = run.stdout.splitlines()
    seconds, megabytes = map(float, last.split())
    assert seconds < SECONDS
    assert megabytes < MEGABYTES
    assert elsewhere.requests == []
