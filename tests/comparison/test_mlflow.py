"""Comparisons in a real MLflow, and its own view of the runs side by side."""

from pathlib import Path

import pytest

from smile_trace.comparison import compare
from smile_trace.store import Store
from smile_trace.trackers import ComparedPrompt, ComparisonTracker, Receipt
from smile_trace_mlflow import MLflowTracker
from tests.comparison.planted_store import plant, settings_in
from tests.comparison.test_compare import AFTER, BEFORE, EFFECTS, QUESTIONS
from tests.support.browser import WatchedPage
from tests.support.mlflow_server import MLflowServer

pytestmark = pytest.mark.mlflow


@pytest.fixture
def item(tmp_path: Path) -> ComparedPrompt:
    store = Store.open(settings_in(tmp_path))
    plant(store, "answer", "1", BEFORE, QUESTIONS, effects=EFFECTS)
    plant(store, "answer", "2", AFTER, QUESTIONS, effects=EFFECTS)
    store.close()
    return ComparedPrompt(comparison=compare("answer", budget=0, settings=settings_in(tmp_path)))


def _tracker(server: MLflowServer) -> tuple[MLflowTracker, str]:
    name = server.new_experiment()
    tracker = MLflowTracker.from_settings({"tracking_uri": server.uri, "experiment": name})
    assert tracker is not None
    assert isinstance(tracker, ComparisonTracker)
    return tracker, name


def test_one_run_per_version_also_when_delivered_twice(
    mlflow_server: MLflowServer, item: ComparedPrompt
) -> None:
    import mlflow

    for template in (BEFORE, AFTER):
        mlflow.genai.register_prompt("answer", template.replace("{question}", "{{question}}"))
    tracker, name = _tracker(mlflow_server)
    receipts = [tracker.deliver_comparison(item) for _ in range(2)]
    assert isinstance(receipts[0], Receipt)
    assert receipts[0] == receipts[1]
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2
    by_version = {run.data.params["prompt_version"]: run for run in runs}
    shared = by_version["1"].data.metrics.keys() & by_version["2"].data.metrics.keys()
    assert any(name.startswith("influence/Use the customer") for name in shared)
    assert by_version["1"].data.metrics["smile.explained"] == len(QUESTIONS)
    assert by_version["2"].data.params["template"] == AFTER
    paths = {artifact.path for artifact in client.list_artifacts(by_version["2"].info.run_id)}
    assert paths == {"comparison.html", "comparison.json"}
    held = client.get_prompt_version("answer", "2")
    assert held is not None
    assert held.tags["smile.comparison"] == receipts[0].url


@pytest.mark.browser
def test_mlflow_shows_the_versions_side_by_side(
    mlflow_server: MLflowServer, item: ComparedPrompt, watched_page: WatchedPage, tmp_path: Path
) -> None:
    import mlflow

    tracker, name = _tracker(mlflow_server)
    receipt = tracker.deliver_comparison(item)
    assert isinstance(receipt, Receipt)
    assert receipt.url is not None
    page = watched_page.page
    page.goto(receipt.url)
    frame = page.frame_locator("iframe")
    frame.get_by_text("Side by side").first.wait_for(timeout=60_000)
    experiment = mlflow.MlflowClient().get_experiment_by_name(name)
    assert experiment is not None
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    ids = ",".join(f'"{run.info.run_id}"' for run in runs)
    page.goto(
        f"{mlflow_server.uri}/#/compare-runs?runs=[{ids}]&experiments="
        f'["{experiment.experiment_id}"]'
    )
    page.get_by_text("smile.dead_parts").first.wait_for(timeout=60_000)
    assert page.get_by_text("prompt_version").count() > 0
    screenshot = tmp_path / "compare.png"
    page.screenshot(path=screenshot, full_page=True)
    assert screenshot.stat().st_size > 20_000
