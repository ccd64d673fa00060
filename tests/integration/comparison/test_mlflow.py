"""Comparisons in a real MLflow, and its own view of the runs side by side."""

import uuid
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from smile_trace.comparison import compare
from smile_trace.render.text import signed
from smile_trace.store import Store
from smile_trace.store.tables import calls, deliveries
from smile_trace.trackers import CapturedTrace, ComparedPrompt, Receipt
from smile_trace.worker.delivery.per_prompt import deliver
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.server import RUNS_TAG
from tests.support.browser import PATIENCE, WatchedPage
from tests.support.explained import captured, explanation
from tests.support.mlflow_server import MLflowServer
from tests.support.planted_profiles import plant_profiles
from tests.support.planted_prompts import AFTER, BEFORE, EFFECTS, QUESTIONS, plant, settings_in

pytestmark = pytest.mark.mlflow


@pytest.fixture
def item(tmp_path: Path) -> ComparedPrompt:
    with Store.open(settings_in(tmp_path)) as store:
        prompt = f"answer-{uuid.uuid4().hex}"  # a server has one list of prompts for all tests
        plant(store, prompt, "1", BEFORE, QUESTIONS, effects=EFFECTS)
        plant(store, prompt, "2", AFTER, QUESTIONS, effects=EFFECTS)
        plant_profiles(store, prompt, "1", 0)
        plant_profiles(store, prompt, "2", 5)
    return ComparedPrompt(comparison=compare(prompt, budget=0, settings=settings_in(tmp_path)))


def _tracker(server: MLflowServer) -> tuple[MLflowTracker, str]:
    name = server.new_experiment()
    tracker = MLflowTracker.from_settings({"tracking_uri": server.uri, "experiment": name})
    assert tracker is not None
    assert tracker.capabilities.comparisons
    return tracker, name


@pytest.mark.slow
def test_one_run_per_version_also_when_delivered_twice(
    mlflow_server: MLflowServer, item: ComparedPrompt
) -> None:
    import mlflow

    prompt = item.comparison.prompt
    for template in (BEFORE, AFTER):
        mlflow.genai.register_prompt(prompt, template.replace("{question}", "{{question}}"))
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
    assert {"smile.supporting_parts", "traffic.latency_seconds"} <= shared
    probes = {name for name in by_version["2"].data.metrics if name.startswith("probes.")}
    assert probes == {"probes.stability", "probes.order"}
    assert len(by_version["2"].data.metrics) - len(probes) <= 10
    assert by_version["1"].data.tags["smile.explained"] == str(len(QUESTIONS))
    assert by_version["1"].data.tags["mlflow.runType"] == "genai_evaluate"
    assert by_version["2"].data.params["template"] == AFTER
    paths = {artifact.path for artifact in client.list_artifacts(by_version["2"].info.run_id)}
    tables = {"parts.json", "edits.json", "traffic.json", "probes.json"}
    assert paths == {"comparison.html", "comparison.json", *tables}
    run_id = by_version["2"].info.run_id
    parts = client.load_table(experiment.experiment_id, "parts.json", [run_id])
    influence = dict(zip(parts["part"], parts["influence"], strict=True))
    rates = client.load_table(experiment.experiment_id, "probes.json", [run_id])
    assert list(rates["answers changed"]) == [0.0, 0.5]
    assert all(rates["change low"] <= rates["change"])
    question = item.comparison.versions[1].segments[-2]
    assert influence["{question}"] == pytest.approx(question.influence, abs=1e-4)
    held = client.get_prompt_version(prompt, "2")
    assert held is not None
    assert held.tags["smile.comparison"] == receipts[0].url
    assert held.tags[RUNS_TAG] == run_id, "its page lists the run, once"
    said = by_version["2"].data.tags["mlflow.note.content"]
    assert f"[The page]({receipts[0].url})" in said
    assert f"| {{question}} | {signed(question.influence)}" in said, (
        "the influence table stands on the run's page"
    )


@pytest.mark.slow
def test_the_runs_link_the_traces_of_their_versions(
    mlflow_server: MLflowServer, item: ComparedPrompt, tmp_path: Path
) -> None:
    """As the worker delivers: from the receipts in the store to the server, and read back."""
    import mlflow

    tracker, name = _tracker(mlflow_server)
    with Store.open(settings_in(tmp_path)) as store:
        expected: dict[str, set[str]] = {}
        for version in ("1", "2"):
            query = select(calls.c.trace_id).where(calls.c.group_version == version)
            with store.database.read() as connection:
                planted = connection.execute(query.limit(3)).scalars().all()
            assert len(planted) == 3
            sent = [captured(explanation())[0] for _ in planted]
            outcomes = tracker.deliver_traces([CapturedTrace(trace=trace) for trace in sent])
            ids = [outcome.external_id for outcome in outcomes if isinstance(outcome, Receipt)]
            expected[version] = set(ids)
            rows = [
                {
                    "tracker": tracker.name,
                    "kind": "trace",
                    "item": trace_id,
                    "trace_id": trace_id,
                    "state": "delivered",
                    "external_id": external_id,
                    "created_at": 0.0,
                }
                for trace_id, external_id in zip(planted, ids, strict=True)
            ]
            with store.database.write() as connection:
                connection.execute(insert(deliveries), rows)
        for _ in range(2):
            assert isinstance(deliver(tracker, store, item.comparison), Receipt)

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    linked = {
        run.data.params["prompt_version"]: sorted(
            trace.info.trace_id
            for trace in client.search_traces(
                locations=[experiment.experiment_id], run_id=run.info.run_id
            )
        )
        for run in runs
    }
    assert linked == {version: sorted(ids) for version, ids in expected.items()}


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
    frame.get_by_text("Side by side").first.wait_for(timeout=PATIENCE)
    experiment = mlflow.MlflowClient().get_experiment_by_name(name)
    assert experiment is not None
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    ids = ",".join(f'"{run.info.run_id}"' for run in runs)
    page.goto(
        f"{mlflow_server.uri}/#/compare-runs?runs=[{ids}]&experiments="
        f'["{experiment.experiment_id}"]'
    )
    page.get_by_text("smile.excluded_parts").first.wait_for(timeout=PATIENCE)
    assert page.get_by_text("prompt_version").count() > 0
    screenshot = tmp_path / "compare.png"
    page.screenshot(path=screenshot, full_page=True)
    page.goto(receipt.url.replace("comparison.html", "parts.json"))
    page.get_by_text("Use the customer's language.").first.wait_for(timeout=PATIENCE)
    assert screenshot.stat().st_size > 20_000
