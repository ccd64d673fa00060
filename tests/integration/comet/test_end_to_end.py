"""Application, worker and Comet's real clients, each a process of its own, over HTTP."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from smile_trace_comet.contents import VersionKey
from tests.support.comet_application import says
from tests.support.comet_server import comet_environment
from tests.support.fake_comet import FakeComet
from tests.support.planted import serving

OLDEST = "3.49.0"
"""The oldest comet_ml that is supported; the newest one is that of the tests' environment."""

SETTINGS = """
[models.planted]
kind = "endpoint"
base_url = "{model}"
temperature_zero_is_deterministic = true

[sampling]
rate = 1.0

[budget]
calls_per_explanation = 8

[trackers.comet]
timeout_seconds = 2.0
"""

READ_BACK = """
import json, sys
from smile_trace_comet import sdk
comet_ml, comet_llm = sdk.load()
traces = {key: comet_llm.API().get_llm_trace_by_id(key)._get_trace_data() for key in sys.argv[1:]}
print(json.dumps({"version": comet_ml.__version__, "traces": traces}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("release", [version("comet-ml"), OLDEST])
def test_what_an_application_asked_is_read_back_by_comets_client(
    release: str, comet_server: FakeComet, tmp_path: Path
) -> None:
    before_the_newest = tmp_path / "oldest"
    if release == OLDEST:
        install = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        target = ("--no-deps", "--target", str(before_the_newest), f"comet-ml=={OLDEST}")
        subprocess.run([*install, *target], check=True)
    environment = comet_environment(comet_server.url, str(tmp_path))
    path = [str(before_the_newest), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    environment |= {"SMILE_TRACE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(path)}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    with serving(says) as model:
        (tmp_path / "smile_trace.toml").write_text(SETTINGS.format(model=model.base_url))
        told = json.loads(python("-m", "tests.support.comet_application"))
        python("-m", "smile_trace", "worker", "--once")
    assert sorted(e.key for e in comet_server.of_project("llm-general")) == sorted(told)
    read = json.loads(python("-c", READ_BACK, *told))
    assert read["version"] == release
    for trace_id, asked in told.items():
        question, document = asked["question"], read["traces"][trace_id]
        assert document["chain_inputs"] == {"input": question}
        assert document["chain_outputs"] == {"output": asked["answer"]}
        assert document["metadata"]["feedback"]["user_feedback"]["comment"] == "thanks"
        assert document["metadata"]["usage"]["total_tokens"] == 30
        nodes = {node["id"]: node for node in document["chain_nodes"]}
        calls = [node for node in nodes.values() if node["category"] == "llm-call"]
        answer, title = sorted(calls, key=lambda node: -len(node["parent_ids"]))
        (parent,) = answer["parent_ids"]
        assert nodes[parent]["name"].endswith("look_up")
        assert answer["inputs"]["prompt_template_variables"] == {"question": question}
        assert answer["metadata"]["prompt"] == {"name": "shop", "version": "3"}
        assert title["inputs"]["final_prompt"] == f"Title for: {question}"
        (experiment,) = comet_server.of_key(trace_id)
        assert "explained" in experiment.tags
        summaries = document["metadata"]["smile"]
        assert set(summaries) == {answer["metadata"]["span_id"], title["metadata"]["span_id"]}
        for span_id in summaries:
            assert "<html" in experiment.asset(f"{span_id}/heatmap.html").decode()
    (of_version,) = comet_server.of_project("llm-general-prompts")
    assert of_version.key == VersionKey("my-team", "llm-general-prompts", "shop", "3").key
    assert of_version.metrics["smile.explained_calls"][-1] == 2
