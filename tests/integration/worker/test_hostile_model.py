"""The worker asks a hostile model server: its memory is bounded, and it goes on with the others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.records import JSON
from smile_trace.settings import Settings
from tests.support.hostile_server import ATTACKS, Attack, HostileServer
from tests.support.paths import ROOT
from tests.support.planted import serving
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import PROMPT, planted_answer

KEY = "key-of-no-known-shape-2"
MEGABYTES = 500
"""The peak of the worker's process with four explanations at once."""

WORKER = """
import json, logging, sys
from smile_trace.settings import Settings
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.peak_memory import peak_megabytes
logging.basicConfig(level=logging.INFO, filename=sys.argv[2])
status = run(Settings(**json.loads(sys.argv[1])), once=True, trackers=[FakeTracker()])
print(json.dumps({"peak": peak_megabytes(), "status": status.model_dump(mode="json")}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_memory_is_bounded_and_the_other_calls_are_explained(
    attack: Attack, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        HostileServer("garbage") as elsewhere,
        HostileServer(attack, elsewhere=elsewhere.url) as hostile,
        serving(planted_answer) as good,
    ):
        tables = settings(tmp_path, hostile.url, good.base_url)
        capture(Settings(**tables))
        log = tmp_path / "worker.log"
        ran = subprocess.run(
            [sys.executable, "-c", WORKER, json.dumps(tables), str(log)],
            cwd=ROOT,
            env={**os.environ, "HOSTILE_LOGIN": KEY},
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert ran.returncode == 0, ran.stderr
        assert hostile.requests
    found = json.loads(ran.stdout.splitlines()[-1])
    request.node.user_properties.append(("peak_mb", round(found["peak"])))
    assert found["peak"] < MEGABYTES
    assert found["status"]["explained"] >= 2
    assert elsewhere.requests == []
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in kept
    assert b"\x1b]0;" not in kept


def settings(folder: Path, hostile: str, good: str) -> dict[str, object]:
    asked = {"kind": "endpoint", "temperature_zero_is_deterministic": True, "retries": 0}
    dangerous = {"base_url": f"{hostile}/v1", "timeout_seconds": 3, "api_key_env": "HOSTILE_LOGIN"}
    return {
        "home": str(folder / "home"),
        "models": {
            "hostile": {**asked, **dangerous},
            "planted": {**asked, "base_url": good},
        },
        "sampling": {"rate": 1.0},
        "budget": {"calls_per_explanation": 20, "usd_per_explanation": None},
        "worker": {"poll_seconds": 0.1, "concurrent_explanations": 4},
    }


def capture(made: Settings) -> None:
    """Four calls of the hostile model, then two of the good one."""
    temperature: dict[str, JSON] = {"gen_ai.request.temperature": 0.0}
    models = ["hostile"] * 4 + ["planted"] * 2
    spans = [
        call_span(
            number,
            model=model,
            prompt=" ".join(f"{word}{number}" for word in PROMPT.split()),
            answer=planted_answer(PROMPT),
            **temperature,
        )
        for number, model in enumerate(models, 1)
    ]
    write_spool(made.spool, spans)
