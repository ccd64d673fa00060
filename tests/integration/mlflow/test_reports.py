"""A report over a period on a real server: figures, a table, the picture, and it is forgotten."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from smile_trace.cli.app import app
from smile_trace.records.report import Change, Report, ReportedPart, ReportGroup, Share
from smile_trace.settings import Settings
from smile_trace.trackers import ForgottenTrace, Receipt
from smile_trace.worker.run import run
from smile_trace_mlflow import MLflowTracker
from smile_trace_mlflow.reports import LONGEST_NOTE, PAGE, PICTURE, RECORD, TABLE
from smile_trace_mlflow.server import RUNS_TAG
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_week_of_a_prompt_is_one_run_that_the_registry_shows(
    mlflow_server: MLflowServer,
) -> None:
    """Written over from day to day; on its page the table, with links to traces."""
    experiment = mlflow_server.new_experiment()
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    )
    assert tracker is not None
    name = experiment  # prompts are the server's, not an experiment's
    versions = [mlflow.genai.register_prompt(name, f"Be {how}. {{{{q}}}}") for how in ("b", "k")]
    example = "a" * 32 + ":" + "b" * 16
    part = ReportedPart(
        kind="instruction",
        name="Be *kind* | <b>.",
        mattered=SHARE,
        drove=SHARE,
        change=Change(before=SHARE, grown=0.2, low=0.1, high=0.3),
        examples=(example,),
    )
    week = REPORT.model_copy(
        update={
            "name": name,
            "rolling": True,
            "templates": {"1": "Be another. {q}", "2": "Be k. {q}", "draft": "Be k. {q}"},
            "groups": (ReportGroup(kind="prompt", name=name, explained=182, parts=(part,)),),
            "links": {example: f"{mlflow_server.uri}/#/traces/x"},
        }
    )
    next_day = week.model_copy(update={"since": "2026-11-20", "until": "2026-11-27"})
    receipts = [tracker.deliver_report(one) for one in (week, week, next_day)]
    [run_id] = {r.external_id for r in receipts if isinstance(r, Receipt)}
    client = MlflowClient()
    run = client.get_run(run_id)
    assert [r.info.run_id for r in client.search_runs([run.info.experiment_id])] == [run_id]
    assert run.info.run_name == f"What matters in {name}"
    said = run.data.tags["mlflow.note.content"]
    assert "2026-11-27" in said
    assert f"[1](<{mlflow_server.uri}/#/traces/x>)" in said
    assert "Be \\*kind\\* \\| &lt;b>." in said
    assert "▲ +20" in said
    [row] = json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/{TABLE}"))["data"]
    assert f"{mlflow_server.uri}/#/traces/x" in row

    def shown(version: str) -> str | None:
        tags: dict[str, str] = client.get_prompt_version(name, version).tags
        return tags.get(RUNS_TAG)

    assert [v.version for v in versions] == [1, 2]
    assert shown("1") is None, "its template is another one"
    assert shown("2") == run_id

    tracker.forget([ForgottenTrace(trace_id="0" * 32, start_ns=0)])
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == ""
    again = tracker.deliver_report(next_day)
    assert isinstance(again, Receipt)
    assert shown("2") == again.external_id != run_id, "the deleted run is taken off the page"


@pytest.mark.slow
def test_a_description_never_outgrows_what_mlflow_takes(mlflow_server: MLflowServer) -> None:
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiment": mlflow_server.new_experiment()}
    )
    assert tracker is not None
    parts = tuple(
        ReportedPart(kind="document", name=f"{n}{'*<&' * 40}", mattered=SHARE) for n in range(40)
    )
    groups = tuple(ReportGroup(kind="prompt", name=f"p{n}", parts=parts) for n in range(30))
    receipt = tracker.deliver_report(REPORT.model_copy(update={"groups": groups}))
    assert isinstance(receipt, Receipt)
    said = MlflowClient().get_run(receipt.external_id).data.tags["mlflow.note.content"]
    assert REPORT.summary[:7] in said
    assert len(said) <= LONGEST_NOTE


@pytest.mark.slow
def test_the_command_delivers_it(
    mlflow_server: MLflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    write_spool(settings.spool, [call_span(1)])
    run(settings, once=True, trackers=[])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
    command = ["compare", "--since", "20000d", "--deliver"]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    refused = CliRunner().invoke(app, command)
    assert "no active tracker shows what mattered: set MLFLOW_TRACKING_URI" in str(
        refused.exception
    )
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
