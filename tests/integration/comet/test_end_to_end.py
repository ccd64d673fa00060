"""Application, worker and Comet's real clients, each a process of its own, over HTTP."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from smile_trace_comet.versions import VersionKey
from tests.support.comet_application import says
from tests.support.comet_server import comet_environment
from tests.support.fake_comet import FakeComet, Fault
from tests.support.mlflow_server import MLflowServer
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
{more}
"""

READ_BACK = """
import json, sys
from smile_trace_comet import sdk
comet_ml, comet_llm = sdk.load()
traces = {key: comet_llm.API().get_llm_trace_by_id(key)._get_trace_data() for key in sys.argv[1:]}
print(json.dumps({"version": comet_ml.__version__, "traces": traces}))
"""


@pytest.fixture(scope="session")
def oldest_comet(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with comet_ml 3.49.0, to stand before the newest one on the path."""
    folder = tmp_path_factory.mktemp("comet-3.49.0")
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ),
            *("--no-deps", "--target", str(folder), f"comet-ml=={OLDEST}"),
        ],
        check=True,
    )
    return str(folder)


@pytest.fixture
def python(tmp_path: Path, comet_server: FakeComet) -> Callable[..., str]:
    """Runs Python in a process with its own home and Comet's clients; gives what it printed."""

    def run(*arguments: str, **variables: str) -> str:
        environment = comet_environment(comet_server.url, str(tmp_path), **variables)
        environment["SMILE_TRACE_HOME"] = str(tmp_path / "home")
        path = (variables.get("PYTHONPATH"), os.getcwd(), os.environ.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
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

    return run


@pytest.fixture
def configure(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Writes the settings, with the planted model in them."""
    with serving(says) as model:

        def write(more: str = "") -> None:
            (tmp_path / "home").mkdir(exist_ok=True)
            text = SETTINGS.format(model=model.base_url, more=more)
            (tmp_path / "home" / "smile_trace.toml").write_text(text)

        yield write


def whole_line(
    server: FakeComet, python: Callable[..., str], expected_version: str, **variables: str
) -> None:
    told = json.loads(python("-m", "tests.support.comet_application", **variables))
    python("-m", "smile_trace", "worker", "--once", **variables)
    assert sorted(e.key for e in server.of_project("llm-general")) == sorted(told)
    read = json.loads(python("-c", READ_BACK, *told, **variables))
    assert read["version"] == expected_version
    for trace_id, asked in told.items():
        question, document = asked["question"], read["traces"][trace_id]
        assert document["chain_inputs"] == {"input": question}
        assert document["chain_outputs"] == {"output": asked["answer"]}
        assert document["metadata"]["feedback"]["user_feedback"]["comment"] == "thanks"
        assert document["metadata"]["usage"]["total_tokens"] == 30
        nodes = {node["id"]: node for node in document["chain_nodes"]}
        assert sorted(node["category"] for node in nodes.values()) == [
            "llm-call",
            "llm-call",
            "span",
        ]
        answer, title = sorted(
            (node for node in nodes.values() if node["category"] == "llm-call"),
            key=lambda node: -len(node["parent_ids"]),
        )
        (parent,) = answer["parent_ids"]
        assert nodes[parent]["name"].endswith("look_up")
        assert nodes[parent]["inputs"] == {"input": question}
        assert title["parent_ids"] == []
        assert title["inputs"]["final_prompt"] == f"Title for: {question}"
        inputs = answer["inputs"]
        assert inputs["final_prompt"] == f"Shop assistant. Question: {question}"
        assert inputs["prompt_template"] == "Shop assistant. Question: {question}"
        assert inputs["prompt_template_variables"] == {"question": question}
        assert answer["outputs"] == {"output": "your money comes back"}
        metadata = answer["metadata"]
        assert metadata["prompt"] == {"name": "shop", "version": "3"}
        assert metadata["usage"]["prompt_tokens"] == 11
        assert metadata["metadata"] == {"tier": {"name": "gold"}}
        assert metadata["tags"] == {"team": "shop"}
        (experiment,) = server.of_key(trace_id)
        assert "explained" in experiment.tags
        assert experiment.metrics["user_feedback"] == [1.0]
        summaries = document["metadata"]["smile"]
        assert set(summaries) == {answer["metadata"]["span_id"], title["metadata"]["span_id"]}
        assert summaries[answer["metadata"]["span_id"]]["target_calls"] > 0
        for span_id in summaries:
            assert "<html" in experiment.asset(f"{span_id}/heatmap.html").decode()
    (of_version,) = server.of_project("llm-general-prompts")
    assert of_version.key == VersionKey("my-team", "llm-general-prompts", "shop", "3").key
    assert of_version.metrics["smile.explained_calls"][-1] == 2


def test_the_newest_comet(
    comet_server: FakeComet, python: Callable[..., str], configure: Callable[..., None]
) -> None:
    configure()
    whole_line(comet_server, python, version("comet-ml"))


@pytest.mark.slow
def test_the_oldest_comet(
    comet_server: FakeComet,
    python: Callable[..., str],
    configure: Callable[..., None],
    oldest_comet: str,
) -> None:
    configure()
    whole_line(comet_server, python, OLDEST, PYTHONPATH=oldest_comet)


@pytest.mark.slow
@pytest.mark.parametrize("requests", [4, 12, 30, 55])
def test_the_worker_is_killed_in_the_middle_of_a_delivery(
    comet_server: FakeComet,
    python: Callable[..., str],
    configure: Callable[..., None],
    tmp_path: Path,
    requests: int,
) -> None:
    """SIGKILL while the n-th request is carried out, its answer never read; then a new worker."""
    comet_server.known_ids = "duplicate"
    configure("concurrency = 1\n")
    told = json.loads(python("-m", "tests.support.comet_application"))
    comet_server.faults = [Fault("hang", after=requests - 1, seconds=60, takes_effect=True)]
    environment = comet_environment(comet_server.url, str(tmp_path))
    environment["SMILE_TRACE_HOME"] = str(tmp_path / "home")
    worker = subprocess.Popen(
        [sys.executable, "-m", "smile_trace", "worker", "--once"], env=environment, cwd=tmp_path
    )
    deadline = time.monotonic() + 120
    while len(comet_server.requests) < requests and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(comet_server.requests) == requests
    worker.kill()
    worker.wait()
    comet_server.faults = []
    python("-m", "smile_trace", "worker", "--once")
    traces = comet_server.of_project("llm-general")
    assert sorted(e.key for e in traces) == sorted(told)
    for experiment in traces:
        names = [asset.name for asset in experiment.assets]
        assert len(names) == len(set(names)) == 1 + 2 * 3
        assert "explained" in experiment.tags
        assert experiment.metrics["user_feedback"] == [1.0]
    (of_version,) = comet_server.of_project("llm-general-prompts")
    names = [asset.name for asset in of_version.assets]
    assert len(names) == len(set(names)) == 3 + 2 * 2
    assert of_version.metrics["smile.explained_calls"][-1] == 2


@pytest.mark.slow
@pytest.mark.mlflow
@pytest.mark.parametrize("error", ["hang", "close"])
def test_mlflow_gets_everything_while_comet_gives_nothing(
    comet_server: FakeComet,
    python: Callable[..., str],
    configure: Callable[..., None],
    mlflow_server: MLflowServer,
    error: str,
) -> None:
    name = mlflow_server.new_experiment()
    configure(f'[trackers.mlflow]\ntracking_uri = "{mlflow_server.uri}"\nexperiment = "{name}"\n')
    told = json.loads(python("-m", "tests.support.comet_application"))
    comet_server.faults = [Fault("hang" if error == "hang" else "close", times=None)]
    python("-m", "smile_trace", "worker", "--once")
    status = json.loads(python("-m", "smile_trace", "status", "--json"))
    by_name = {tracker["name"]: tracker for tracker in status["trackers"]}
    assert by_name["mlflow"]["waiting"] == 0
    assert by_name["comet"]["waiting"] == 2 + 4
    assert "Comet at" in json.dumps(by_name["comet"])
    assert comet_server.experiments == []
    comet_server.faults = []
    for _ in range(20):  # until its pause has passed
        python("-m", "smile_trace", "worker", "--once")
        if len(comet_server.of_project("llm-general")) == len(told):
            break
    assert sorted(e.key for e in comet_server.of_project("llm-general")) == sorted(told)
    assert all("explained" in e.tags for e in comet_server.of_project("llm-general"))
