"""Application, worker and an Opik server, each a process of its own or a server, over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.comet_application import says
from tests.support.fake_opik import FakeOpik
from tests.support.planted import serving

SETTINGS = """
[models.planted]
kind = "endpoint"
base_url = "{model}"
temperature_zero_is_deterministic = true

[sampling]
rate = 1.0

[budget]
calls_per_explanation = 8
"""


@pytest.mark.slow
def test_an_applications_calls_and_explanations_are_in_opik(tmp_path: Path) -> None:
    with serving(says) as model, FakeOpik(api_key="key") as server:
        (tmp_path / "smile_trace.toml").write_text(SETTINGS.format(model=model.base_url))
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("COMET_", "OPIK_"))}
        environment = {
            **kept,
            "SMILE_TRACE_HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
            "OPIK_URL_OVERRIDE": server.api,
            "OPIK_API_KEY": "key",
            "OPIK_CONFIG_PATH": str(tmp_path / "opik.config"),
        }

        def python(*arguments: str) -> str:
            return subprocess.run(
                [sys.executable, *arguments],
                env=environment,
                cwd=tmp_path,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                timeout=600,
            ).stdout

        told = json.loads(python("-m", "tests.support.comet_application"))
        python("-m", "smile_trace", "worker", "--once")

    traces = {trace["metadata"]["smile_trace_id"]: trace for trace in server.traces.values()}
    assert sorted(traces) == sorted(told)
    for trace_id, asked in told.items():
        trace = traces[trace_id]
        spans = [s for s in server.spans.values() if s["trace_id"] == trace["id"]]
        calls = [span for span in spans if span["type"] == "llm"]
        why = [span for span in spans if span["name"].startswith("Why this answer?")]
        assert (len(spans), len(calls), len(why)) == (6, 2, 2)
        assert {span["parent_span_id"] for span in why} == {span["id"] for span in calls}
        assert all(len(server.attachments[span["id"]]) == 3 for span in why)
        assert {"output": asked["answer"]} in [span["output"] for span in calls]
        assert server.scores["trace", trace["id"], "user_feedback"]["reason"] == "thanks"
