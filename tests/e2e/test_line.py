"""The whole line as processes of their own: application, spool, worker, MLflow, a person's eyes.

The model is a planted server, so that it is known what has to come out.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Trace

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import read_explained
from tests.support.browser import WatchedPage
from tests.support.explained import HOSTILE
from tests.support.mlflow_pages import open_explanation
from tests.support.mlflow_server import MLflowServer, OwnMLflowServer
from tests.support.planted import PlantedServer, serving

pytestmark = pytest.mark.mlflow

APPLICATION = """
import json, sys
import smile_trace

@smile_trace.trace(model="planted")
def ask(prompt: str) -> str:
    smile_trace.record(parameters={"temperature": 0})
    return "key" if "key" in prompt.split() else ""

for prompt in json.load(sys.stdin):
    ask(prompt)
"""


@dataclass
class Line:
    """One home, its application and its worker."""

    home: Path
    experiment: str

    def call(self, *prompts: str) -> None:
        """The application calls its model with those prompts."""
        self._run("-c", APPLICATION, given=json.dumps(prompts))

    def work(self) -> None:
        """`smile-trace worker --once`."""
        self._run("-m", "smile_trace", "worker", "--once")

    def start_worker(self) -> subprocess.Popen[bytes]:
        """`smile-trace worker`, which goes on until it is stopped."""
        return subprocess.Popen(
            [sys.executable, "-m", "smile_trace", "worker"], cwd=self.home, env=self._environment
        )

    def status(self) -> dict[str, Any]:
        """`smile-trace status --json`."""
        return dict(json.loads(self._run("-m", "smile_trace", "status", "--json")))

    def traces(self) -> list[Trace]:
        """What MLflow shows in the experiment."""
        found = mlflow.get_experiment_by_name(self.experiment)
        assert found is not None
        return list(mlflow.MlflowClient().search_traces([found.experiment_id], max_results=100))

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SMILE_TRACE_HOME": str(self.home)}

    def _run(self, *arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            input=given,
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture
def model() -> Iterator[PlantedServer]:
    with serving(lambda prompt: "key" if "key" in prompt.split() else "") as server:
        yield server


@pytest.fixture
def line(tmp_path: Path, model: PlantedServer, mlflow_server: MLflowServer) -> Line:
    return line_to(mlflow_server, tmp_path, model)


def line_to(server: MLflowServer, home: Path, model: PlantedServer) -> Line:
    experiment = server.new_experiment()
    (home / "smile_trace.toml").write_text(
        f"""
        [models.planted]
        kind = "endpoint"
        base_url = "{model.base_url}"
        temperature_zero_is_deterministic = true

        [sampling]
        rate = 1.0

        [trackers.mlflow]
        tracking_uri = "{server.uri}"
        experiment = "{experiment}"
        """
    )
    return Line(home, experiment)


def heatmaps(trace: Trace) -> list[Any]:
    return [span for span in trace.data.spans if span.span_type == "EVALUATOR"]


@pytest.mark.slow
def test_mlflow_stops_while_the_worker_runs_and_everything_arrives(
    tmp_path: Path, model: PlantedServer, own_mlflow_server: OwnMLflowServer
) -> None:
    line = line_to(own_mlflow_server, tmp_path, model)
    worker = line.start_worker()
    try:
        line.call("the key is here")
        _until(lambda: line.status()["explained"] == 1)
        own_mlflow_server.stop()
        line.call("a key is there", "any key will do")
        _until(lambda: line.status()["explained"] == 3)
        assert _delivered(line.status()) < 6
        own_mlflow_server.start()
        _until(lambda: _delivered(line.status()) == 6)
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
    found = line.traces()
    assert len(found) == 3
    assert [len(heatmaps(trace)) for trace in found] == [1, 1, 1]


@pytest.mark.browser
def test_a_hostile_prompt_is_captured_explained_and_shown_as_text(
    line: Line, watched_page: WatchedPage
) -> None:
    hostile = f"{HOSTILE} key " + "🙂 " * 10_000
    line.call(hostile.replace("\ud800", ""))
    line.work()
    status = line.status()
    assert (status["captured"], status["explained"]) == (1, 1)
    [trace] = line.traces()
    assert len(heatmaps(trace)) == 1
    assert "smile-alarm" in json.dumps(trace.data.spans[0].inputs)

    with Store.open(Settings(home=line.home)) as store:
        [explained] = read_explained(store.database, since=0)
    explanation = explained.explanation
    [driver] = [s for s in explanation.segments if re.search(r"\bkey\b", s.text)]
    assert driver.attribution == max(s.attribution for s in explanation.segments)
    page = line.home / "heatmap.html"
    page.write_text(explanation.to_html(), encoding="utf-8")
    watched_page.page.goto(page.as_uri())
    assert "<script>alert('smile-alarm')</script>" in watched_page.page.inner_text("body")

    uri = mlflow.get_tracking_uri()
    url = f"{uri}/#/experiments/{trace.info.experiment_id}/traces"
    open_explanation(watched_page.page, f"{url}?selectedEvaluationId={trace.info.trace_id}")
    assert watched_page.alarms == []


def _delivered(status: dict[str, Any]) -> int:
    return sum(tracker["traces"] + tracker["explanations"] for tracker in status["trackers"])


def _until(reached: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.5)
