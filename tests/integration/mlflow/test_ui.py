"""What a person sees in MLflow: the picture is drawn, and hostile text stays text."""

from pathlib import Path

import mlflow
import pytest

from smile_trace.records import Explanation
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt
from smile_trace_mlflow import MLflowTracker
from tests.support.browser import PATIENCE, WatchedPage
from tests.support.explained import HOSTILE, captured, explanation
from tests.support.mlflow_pages import open_artifact, open_explanation, open_runs
from tests.support.mlflow_server import MLflowServer

pytestmark = [pytest.mark.mlflow, pytest.mark.browser]


def deliver(server: MLflowServer, explained: Explanation) -> Receipt:
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": server.uri, "experiment": server.new_experiment()}
    )
    assert tracker is not None
    trace, call = captured(explained)
    [receipt] = tracker.deliver_traces([CapturedTrace(trace=trace)])
    assert isinstance(receipt, Receipt)
    [shown] = tracker.deliver_explanations(
        [
            ExplainedCall(
                trace=trace, call=call, explanation=explained, traced_as=receipt.external_id
            )
        ]
    )
    assert isinstance(shown, Receipt)
    return shown


def test_the_heatmap_is_drawn_in_its_natural_size(
    mlflow_server: MLflowServer, watched_page: WatchedPage, tmp_path: Path
) -> None:
    page = watched_page.page
    receipt = deliver(mlflow_server, explanation())
    picture = open_explanation(page, str(receipt.url))
    width, natural, height = picture.evaluate("i => [i.width, i.naturalWidth, i.height]")
    assert (natural, width) == (600, 600)
    assert 200 < height <= 500
    assert page.get_by_text("drove this answer").is_visible()
    scores = page.get_by_test_id("virtualized-table")
    assert scores.get_by_text("France", exact=True).is_visible()
    assert page.get_by_text("Download text/html").is_visible()
    screenshot = tmp_path / "heatmap.png"
    page.screenshot(path=screenshot)
    assert screenshot.stat().st_size > 20_000


def test_the_day_is_an_evaluation_run_with_its_traces_a_table_and_an_index(
    mlflow_server: MLflowServer, watched_page: WatchedPage
) -> None:
    page = watched_page.page
    url = str(deliver(mlflow_server, explanation()).url)
    open_runs(page, url, "smile-trace 2026-11-25")
    page.get_by_text("Paris").first.wait_for(timeout=PATIENCE)
    [run] = mlflow.MlflowClient().search_runs([url.split("/experiments/")[1].split("/")[0]])
    open_artifact(page, url, run.info.run_id, "explanations.json")
    page.get_by_text("View as table").wait_for(timeout=PATIENCE)
    page.get_by_role("columnheader", name="driver").or_(
        page.get_by_text("driver", exact=True)
    ).first.wait_for(timeout=PATIENCE)
    open_artifact(page, url, run.info.run_id, "index.html")
    frame = page.frame_locator("iframe")
    frame.get_by_text("drove this answer").wait_for(timeout=PATIENCE)


def test_hostile_text_is_text_everywhere(
    mlflow_server: MLflowServer, watched_page: WatchedPage
) -> None:
    page = watched_page.page
    hostile = HOSTILE.replace("\ud800", "")  # which no JSON file of ours can hold
    explained = explanation(
        [("system", hostile), ("user", f"{hostile} key")],
        {"key": 0.6, "alert": 0.3, "<": 0.2, "|": -0.2},
        answer=hostile,
        summary=hostile[:120],
        status="inconclusive",
    )
    receipt = deliver(mlflow_server, explained)
    open_explanation(page, str(receipt.url))
    assert page.get_by_text("<script>alert('smile-alarm')</script>").count() > 0
    assert page.get_by_text("nconclusive").count() > 0
    page.get_by_text("ask · gpt-4o-mini", exact=True).first.dispatch_event("click")
    page.get_by_text("Assistant", exact=True).first.wait_for(timeout=PATIENCE)

    experiment_id = receipt.url.split("/experiments/")[1].split("/")[0] if receipt.url else ""
    [run] = mlflow.MlflowClient().search_runs([experiment_id])
    [artifact] = mlflow.MlflowClient().list_artifacts(run.info.run_id, "heatmaps")
    page.goto(
        f"{mlflow_server.uri}/#/experiments/{experiment_id}/runs/{run.info.run_id}"
        f"/artifacts/{artifact.path}"
    )
    frame = page.frame_locator("iframe")
    frame.get_by_text("Inconclusive").wait_for(timeout=PATIENCE)
    assert frame.get_by_text("smile-alarm").count() > 0
    assert watched_page.alarms == []
