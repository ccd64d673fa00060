"""A report over a period on a real server: figures, a table, the picture, and it is forgotten."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.records.report import Report, ReportedPart, ReportGroup, Share
from smile_trace.settings import Settings
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace.worker.run import run
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.reports import PAGE, PICTURE, RECORD, TABLE
from tests.support.mlflow_server import MLflowServer
from tests.support.spooled import call_span, write_spool

pytestmark = pytest.mark.mlflow

SHARE = Share(count=75, of=161, open=21, share=75 / 161, low=0.4, high=0.53)
REPORT = Report(
    since="2026-11-19T23:00+00:00",
    until="2026-11-26T23:00+00:00",
    explained=182,
    inconclusive=21,
    no_document=SHARE,
    groups=(
        ReportGroup(
            kind="retriever",
            name="search </title><script>alert(1)</script>",
            explained=182,
            no_document=SHARE,
            parts=(
                ReportedPart(kind="document", name="returns.md", mattered=SHARE, attribution=0.4),
                ReportedPart(kind="document", name="<b>gifts</b>", mattered=SHARE),
            ),
        ),
    ),
    summary="In 47 % [40 to 53 %] of the 161 explained calls no retrieved document mattered.",
)


def test_a_run_with_a_table_and_a_picture(mlflow_server: MLflowServer) -> None:
    experiment = mlflow_server.new_experiment()
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    )
    assert tracker is not None
    receipts = [tracker.deliver_report(REPORT) for _ in range(2)]
    [run_id] = {r.external_id for r in receipts if isinstance(r, Receipt)}
    later = REPORT.model_copy(update={"until": "2026-11-27T01:00+00:00"})
    other = tracker.deliver_report(later)
    assert isinstance(other, Receipt)
    assert other.external_id != run_id

    client = MlflowClient()
    run = client.get_run(run_id)
    assert run.data.metrics["smile.no_document_mattered"] == SHARE.share
    assert {item.path for item in client.list_artifacts(run_id)} == {PAGE, PICTURE, RECORD, TABLE}
    texts = {
        path: mlflow.artifacts.load_text(f"runs:/{run_id}/{path}")
        for path in (PAGE, PICTURE, RECORD, TABLE)
    }
    table = json.loads(texts[TABLE])
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["part"] for row in rows] == ["returns.md", "<b>gifts</b>"]
    assert [row["mattered in"] for row in rows] == [75, 75]
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"])[0]["path"] == TABLE
    assert Report.model_validate(json.loads(texts[RECORD])) == REPORT
    assert "<script" not in texts[PAGE] + texts[PICTURE]
    assert "<b>" not in texts[PAGE] + texts[PICTURE]

    [gone] = tracker.forget([ForgottenTrace(trace_id="0" * 32, start_ns=0)])
    assert isinstance(gone, Receipt)
    assert client.search_runs([run.info.experiment_id]) == []


def test_the_command_delivers_it(
    mlflow_server: MLflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    write_spool(settings.spool, [call_span(1)])
    run(settings, once=True, trackers=[])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    command = ["report", "--days", "20000", "--deliver"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    refused = CliRunner().invoke(app, command)
    assert "no active tracker shows reports: set MLFLOW_TRACKING_URI" in str(refused.exception)
    experiment = mlflow_server.new_experiment()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
    delivered = CliRunner().invoke(app, command)
    assert delivered.exit_code == 0, delivered.output
    assert "None of the calls of this period is explained yet." in delivered.stdout
    found = mlflow.get_experiment_by_name(experiment)
    [made] = MlflowClient().search_runs([found.experiment_id])
    assert made.info.run_id in delivered.stderr
    assert made.data.metrics == {"smile.explained": 0, "smile.inconclusive": 0}
