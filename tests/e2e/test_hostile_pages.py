"""The whole line with everything hostile in it, looked at in MLflow: nothing runs, all is there.

Prompts, answers, roles, and the names of functions, prompts, versions, models, sessions, users,
tags, metadata, arguments and files hold the texts of tests/data/hostile/texts.jsonl.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run
from playwright.sync_api import Page

from tests.support.browser import PATIENCE, WatchedPage
from tests.support.hostile import storable_texts
from tests.support.mlflow_pages import open_explanation
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import PlantedServer, serving

pytestmark = [pytest.mark.mlflow, pytest.mark.browser, pytest.mark.slow]

APPLICATION = """
import json, sys
import smile_trace

given = json.load(sys.stdin)

for number, text in enumerate(given["texts"]):
    name = given["names"][number % len(given["names"])]
    template = f"Part one: {name}.\\n" * (number % 2) + "Be brief.\\nQuestion: {question}"
    prompt = smile_trace.Prompt(given["prompt"], version=f"{number % 2} {name}", template=template)

    @smile_trace.trace(
        name=text[:300], model=given["model"], session=text, user=name, tags={name: text},
        metadata={text: {name: text}},
    )
    def ask(messages, answer):
        smile_trace.record(parameters={"temperature": 0, "file": name})
        return answer

    @smile_trace.trace(name=name)
    def around(path, arguments):
        shown = prompt.format(question=f"{text} the key")
        messages = [{"role": "system", "content": name}, {"role": "user", "content": shown}]
        return ask(messages, given["answer"])

    around(f"../../{text}", {"file": text, name: [text]})
"""

GROUP = 8
"""Texts in one prompt."""


def groups() -> list[str]:
    """All texts, several to a prompt."""
    texts = [text[:600] for text in storable_texts().values()]
    return ["\n".join(texts[at : at + GROUP]) for at in range(0, len(texts), GROUP)]


@pytest.fixture
def model() -> Iterator[PlantedServer]:
    with serving(lambda prompt: ANSWER if "key" in prompt.split() else "") as server:
        yield server


TEXTS = storable_texts()
ANSWER = "\n".join(text[:200] for text in TEXTS.values())
NAMES = [TEXTS[n][:200] for n in ("script", "image", "path", "towers of marks", "long word", "SVG")]
MODEL, PROMPT = TEXTS["image"] + TEXTS["tower of marks"], TEXTS["end of an attribute"]


@pytest.fixture
def experiment(tmp_path: Path, model: PlantedServer, mlflow_server: MLflowServer) -> str:
    """The id of an experiment into which everything was delivered."""
    name = mlflow_server.new_experiment()
    (tmp_path / "smile_trace.toml").write_text(
        f"""
        [models.{json.dumps(MODEL)}]
        kind = "endpoint"
        base_url = "{model.base_url}"
        temperature_zero_is_deterministic = true

        [sampling]
        rate = 1.0

        [budget]
        calls_per_explanation = 24

        [trackers.mlflow]
        tracking_uri = "{mlflow_server.uri}"
        experiment = "{name}"
        """
    )
    given = {"texts": groups(), "names": NAMES, "model": MODEL, "prompt": PROMPT, "answer": ANSWER}
    _run(tmp_path, "-c", APPLICATION, given=json.dumps(given))
    _run(tmp_path, "-m", "smile_trace", "worker", "--once")
    _run(tmp_path, "-m", "smile_trace", "compare", PROMPT, "--budget", "0", "--deliver", "--json")
    status = json.loads(_run(tmp_path, "-m", "smile_trace", "status", "--json"))
    assert status["explained"] == len(given["texts"]), status
    found = mlflow.get_experiment_by_name(name)
    assert found is not None
    return str(found.experiment_id)


def test_every_page_of_mlflow_shows_everything_and_runs_nothing(
    experiment: str, mlflow_server: MLflowServer, watched_page: WatchedPage, tmp_path: Path
) -> None:
    page, pages = watched_page.page, f"{mlflow_server.uri}/#/experiments/{experiment}"
    traces = mlflow.MlflowClient().search_traces([experiment], max_results=100)
    assert len(traces) == len(groups())

    page.goto(f"{pages}/traces")
    says(page, "smile-alarm")
    page.screenshot(path=tmp_path / "traces.png")
    watched_page.check()

    for number, trace in enumerate(traces):
        open_explanation(page, f"{pages}/traces/{trace.info.trace_id}")
        page.screenshot(path=tmp_path / f"trace-{number}.png")
        watched_page.check()

    runs = list(mlflow.MlflowClient().search_runs([experiment]))
    for number, run in enumerate(runs):
        page.goto(f"{pages}/runs/{run.info.run_id}")
        says(page, run.info.run_id)
        page.screenshot(path=tmp_path / f"run-{number}.png")
        watched_page.check()
        for artifact in artifacts(run):
            page.goto(f"{pages}/runs/{run.info.run_id}/artifacts/{artifact}")
            page.reload()  # from another artifact, MLflow stays where it is
            if "/" in artifact:  # MLflow opens no file in a folder by its address alone
                for name in artifact.split("/"):
                    # A long name lies under the pane beside it: no pointer gets there.
                    page.get_by_text(name, exact=True).first.dispatch_event("click")
            if artifact.endswith(".html"):
                page.frame_locator("iframe").locator("p").first.wait_for(timeout=PATIENCE)
            else:
                says(page, artifact.split("/")[-1])
            page.screenshot(path=tmp_path / f"artifact-{number}-{artifact.replace('/', '-')}.png")
            watched_page.check()

    versions = [run.info.run_id for run in runs if "prompt_version" in run.data.params]
    assert len(versions) >= 2
    ids = ",".join(f'"{run_id}"' for run_id in versions)
    page.goto(f'{mlflow_server.uri}/#/compare-runs?runs=[{ids}]&experiments=["{experiment}"]')
    says(page, "smile.excluded_parts")
    page.screenshot(path=tmp_path / "compare.png")
    watched_page.check()


def says(page: Page, text: str) -> None:
    """Wait until that text stands on the page."""
    page.wait_for_function(
        "text => document.body.innerText.includes(text)", arg=text, timeout=PATIENCE
    )


def artifacts(run: Run) -> list[str]:
    """Their paths: two pages of a kind are enough."""
    client = mlflow.MlflowClient()
    found = client.list_artifacts(run.info.run_id)
    inside = [a for f in found if f.is_dir for a in client.list_artifacts(run.info.run_id, f.path)]
    return [a.path for a in [*found, *inside[:2]] if not a.is_dir]


def _run(home: Path, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=given,
        cwd=home,
        env={**os.environ, "SMILE_TRACE_HOME": str(home / "home")},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
