"""Whoever may tag a trace names any place for its files: none but MLflow's own is asked."""

import logging
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import TraceInfo, TraceLocation, TraceState
from mlflow.tracing.client import TracingClient

from smile_trace.errors import ReasonCode
from smile_trace.settings import Settings
from smile_trace.trackers import ExplainedCall, Outcome, Receipt, Rejected
from smile_trace.trackers.http import RequestRejected
from smile_trace.worker.run import run
from smile_trace_mlflow import MLflowSource, MLflowTracker
from smile_trace_mlflow.server import Server
from smile_trace_mlflow.spans import EXTERNAL_SPAN, EXTERNAL_TRACE
from tests.support.elsewhere import Elsewhere
from tests.support.mlflow_cases import Case, case, deliver, forgotten
from tests.support.mlflow_server import MLflowServer
from tests.support.planted import serving
from tests.support.worker_settings import settings_tables

pytestmark = pytest.mark.mlflow

TAG, SPANS_TAG = "mlflow.artifactLocation", "mlflow.trace.spansLocation"
UNTIL_MS = 4_000_000_000_000


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> str:
    name = mlflow_server.new_experiment()
    mlflow.create_experiment(name)
    return name


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token-of-the-tracking-server")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "canary"
    folder.mkdir()
    with Elsewhere(folder) as found:
        yield found


def hostile(elsewhere: Elsewhere, own: str, experiment_id: str, trace_id: str) -> dict[str, str]:
    """Places that a tag may name; `own` is the tracking server."""
    folder, host = elsewhere.wishes["folder"], own.partition("://")[2]
    api = "api/2.0/mlflow-artifacts/artifacts"
    tail = f"{experiment_id}/traces/{trace_id}/artifacts"
    return {
        "another server": f"http://{elsewhere.host}/{api}/{tail}",
        "its artifacts": f"mlflow-artifacts://{elsewhere.host}/{tail}",
        "a user": f"mlflow-artifacts://{host}@{elsewhere.host}/{tail}",
        "a file": folder,
        "a path": folder.removeprefix("file://"),
        "all artifacts": "mlflow-artifacts:/",
        "another trace": f"mlflow-artifacts:/{experiment_id}/traces/tr-{'1' * 32}/artifacts",
        "upwards, encoded": f"mlflow-artifacts:/{experiment_id}/%2e%2e/{tail}",
        "a storage": f"s3://bucket/{tail}",
    }


def tag(trace_id: str, place: str) -> None:
    """What anybody may do who may tag."""
    TracingClient().store.set_trace_tag(trace_id, TAG, place)  # the client itself refuses it


def location(experiment: str) -> str:
    return str(mlflow.get_experiment_by_name(experiment).experiment_id)


def logged(experiment: str, text: str) -> str:
    """The id of a trace of the application's own."""
    mlflow.set_experiment(experiment)
    with mlflow.start_span(text, span_type="CHAT_MODEL") as span:
        span.set_inputs({"messages": [{"role": "user", "content": text}]})
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": "yes"}}]})
    mlflow.flush_trace_async_logging()
    return str(span.trace_id)


def in_files(experiment: str, number: int) -> str:
    """The id of a trace whose spans are files, as MLflow's older clients write them."""
    info = TraceInfo(
        trace_id=f"tr-{number:032x}",
        trace_location=TraceLocation.from_experiment_id(location(experiment)),
        request_time=1_760_000_000_000 + number,
        state=TraceState.OK,
        tags={SPANS_TAG: "ARTIFACT_REPO"},
    )
    return str(TracingClient().start_trace(info).trace_id)


def test_a_worker_that_reads_them_asks_nobody_else_and_reads_the_others(
    tmp_path: Path,
    mlflow_server: MLflowServer,
    experiment: str,
    elsewhere: Elsewhere,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good, place = logged(experiment, "good"), location(experiment)
    wanted = hostile(elsewhere, mlflow_server.uri, place, good)
    bad = {what: in_files(experiment, 7001 + i) for i, what in enumerate(wanted)}
    for what, trace_id in bad.items():
        tag(trace_id, hostile(elsewhere, mlflow_server.uri, place, trace_id)[what])
    source = MLflowSource.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiments": [experiment]}, {}
    )
    with caplog.at_level(logging.WARNING):
        page = source.page(experiment, 0, UNTIL_MS, 100)
    assert [spans[0].trace_id for spans in page.traces] == [good.removeprefix("tr-")]
    said = {record.getMessage() for record in caplog.records if "cannot be read" in record.message}
    assert len(said) == len(bad)

    with serving(lambda _: "yes") as model:
        tables = {
            "sources": {"mlflow": {"tracking_uri": mlflow_server.uri, "experiments": [experiment]}}
        }
        home = tmp_path / "home"
        settings = Settings(home=home, **settings_tables(model.base_url, tables))
        assert run(settings, once=True, trackers=[]).captured == 1
    assert elsewhere.untouched(), elsewhere.reached


def test_one_that_is_asked_for_by_its_id_says_why(
    mlflow_server: MLflowServer, experiment: str, elsewhere: Elsewhere
) -> None:
    trace_id = in_files(experiment, 7050)
    tag(trace_id, elsewhere.wishes["folder"])
    source = MLflowSource.from_settings({"tracking_uri": mlflow_server.uri}, {})
    with pytest.raises(Exception, match="refers to an address that is not called") as raised:
        source.read(trace_id)
    assert raised.value.code is ReasonCode.ADDRESS_REFUSED  # type: ignore[attr-defined]
    assert elsewhere.untouched(), elsewhere.reached


def test_nothing_is_attached_or_deleted_elsewhere(
    mlflow_server: MLflowServer, experiment: str, elsewhere: Elsewhere
) -> None:
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    )
    assert tracker is not None
    mine, other = case("zanzibar"), case("lighthouse")
    ours, fine = deliver(tracker, mine), deliver(tracker, other)
    place_of_ours, server = location(experiment), Server(mlflow_server.uri, experiment)
    before = _artifacts(mlflow_server, place_of_ours)
    assert before
    for what, place in hostile(elsewhere, mlflow_server.uri, place_of_ours, ours).items():
        tag(ours, place)
        info = server.trace_info(ours)
        assert isinstance(info, TraceInfo)
        with pytest.raises(RequestRejected):
            server.attach(info, "a key", "image/svg+xml", b"<svg/>")
        with pytest.raises(RequestRejected):
            server.delete_trace(info)
        assert elsewhere.untouched(), (what, elsewhere.reached)
        assert _artifacts(mlflow_server, place_of_ours) == before, what

    tag(ours, elsewhere.wishes["folder"])
    bad, good = tracker.deliver_explanations([_explained(mine, ours), _explained(other, fine)])
    _refused(bad)
    assert isinstance(good, Receipt), good
    bad, good = tracker.forget([forgotten(mine, ours), forgotten(other, fine)])
    _refused(bad)
    assert isinstance(good, Receipt), good
    assert elsewhere.untouched(), elsewhere.reached


def test_nothing_is_attached_to_the_applications_own_trace_elsewhere(
    mlflow_server: MLflowServer, experiment: str, elsewhere: Elsewhere
) -> None:
    trace_id = logged(experiment, "own")
    [span] = mlflow.get_trace(trace_id).data.spans
    tag(trace_id, elsewhere.wishes["folder"])
    noted = {EXTERNAL_TRACE: trace_id, EXTERNAL_SPAN: span.span_id}
    mine = case("zanzibar", noted)
    tracker = MLflowTracker.from_settings(
        {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    )
    assert tracker is not None
    [bad] = tracker.deliver_explanations([_explained(mine, trace_id)])
    _refused(bad)
    assert elsewhere.untouched(), elsewhere.reached


@pytest.mark.parametrize(
    "prefix", ["mlflow-artifacts://{host}", "{uri}/api/2.0/mlflow-artifacts/artifacts"]
)
def test_the_tracking_server_may_name_itself(
    mlflow_server: MLflowServer, experiment: str, prefix: str
) -> None:
    uri = mlflow_server.uri
    trace_id = logged(experiment, "own")
    named = prefix.format(host=uri.partition("://")[2], uri=uri)
    tag(trace_id, f"{named}/{location(experiment)}/traces/{trace_id}/artifacts")
    server = Server(uri, experiment)
    info = server.trace_info(trace_id)
    assert info is not None
    server.attach(info, "a key", "image/svg+xml", b"<svg/>")
    files = [path for path in mlflow_server.folder.rglob("attachments/*") if trace_id in str(path)]
    assert len(files) == 1


def _explained(of: Case, traced_as: str) -> ExplainedCall:
    trace, call, explanation = of
    return ExplainedCall(trace=trace, call=call, explanation=explanation, traced_as=traced_as)


def _refused(outcome: Outcome) -> None:
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.code, outcome.retry) == (ReasonCode.ADDRESS_REFUSED, False), outcome


def _artifacts(server: MLflowServer, experiment_id: str) -> set[str]:
    """The files that the server holds, but for those of the experiments of other tests."""
    root = server.folder / "artifacts"
    others = {path.name for path in root.glob("[0-9]*")} - {experiment_id}
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] not in others}
