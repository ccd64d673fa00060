"""A real MLflow server behind TLS of an own authority, basic auth or a bearer token."""

import base64
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, TrackerUnavailable
from smile_trace_mlflow import MLflowTracker
from tests.support.explained import captured, explanation
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy, own_authority

pytestmark = pytest.mark.mlflow

BASIC = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pässword"}
BEARER = {"MLFLOW_TRACKING_TOKEN": "a-token"}


@pytest.mark.parametrize(
    ("variables", "authorization"),
    [
        (BASIC, "Basic " + base64.b64encode("ann:pässword".encode()).decode()),
        (BEARER, "Bearer a-token"),
    ],
    ids=["basic", "bearer"],
)
def test_everything_arrives_through_tls_and_authorization(
    variables: dict[str, str],
    authorization: str,
    mlflow_server: MLflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, tls = own_authority(tmp_path)
    experiment = mlflow_server.new_experiment()
    explained = explanation()
    trace, call = captured(explained)
    items = [CapturedTrace(trace=trace)]
    with ReverseProxy(mlflow_server.port, tls=tls, authorization=authorization) as proxy:
        tracker = MLflowTracker.from_settings({"tracking_uri": proxy.url, "experiment": experiment})
        assert tracker is not None
        with pytest.raises(TrackerUnavailable, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
            tracker.deliver_traces(items)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
        with pytest.raises(TrackerUnavailable, match="refuses our credentials"):
            tracker.deliver_traces(items)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        tracker.check()
        [received] = tracker.deliver_traces(items)
        assert isinstance(received, Receipt)
        item = ExplainedCall(
            trace=trace, call=call, explanation=explained, traced_as=received.external_id
        )
        [outcome] = tracker.deliver_explanations([item])
        assert isinstance(outcome, Receipt), outcome
        tracker.close()
    # and without the proxy: what the server itself holds
    found = MlflowClient().get_experiment_by_name(experiment)
    assert found is not None
    [kept] = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    assert kept.info.trace_id == received.external_id
    assert len(kept.data.spans) == len(trace.spans) + 1
    assert len(kept.info.assessments) == 2
