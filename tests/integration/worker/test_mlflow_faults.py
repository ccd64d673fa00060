"""The real worker and a real MLflow server that fails: everything arrives, once."""

from collections.abc import Callable

import mlflow
import pytest
from mlflow import MlflowClient

from smile_trace.settings import Settings
from smile_trace.testing.fake_http_server import Answer, Fault
from smile_trace_mlflow import MLflowTracker
from tests.support.fault_injection import Start
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy
from tests.support.spooled import trace_id
from tests.support.worker_settings import capture

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.mark.usefixtures("server")
def test_down_then_refusing_then_deleted(
    settings: Settings, mlflow_server: MLflowServer, start: Start
) -> None:
    experiment = mlflow_server.new_experiment()
    client = MlflowClient()
    with ReverseProxy(mlflow_server.port) as proxy:
        proxy.faults = [Fault("close", times=None)]
        options = {"tracking_uri": proxy.url, "experiment": experiment}
        tracker = MLflowTracker.from_settings(options)
        assert tracker is not None
        capture(settings, 1, 2)
        worker = start(settings, tracker)

        def paused(text: str) -> Callable[[], bool]:
            return lambda: any(
                text in (counted.unavailable or "") for counted in worker.store.status().trackers
            )

        worker.until(paused("does not answer"))
        worker.until(lambda: worker.store.status().explained == 2)
        proxy.faults = [Fault("answer", Answer(401, b""), times=None)]
        worker.until(paused("refuses our credentials"))
        proxy.faults = []
        worker.until(lambda: worker.store.status().trackers[0].explanations == 2)
        found = client.get_experiment_by_name(experiment)
        assert found is not None
        client.delete_experiment(found.experiment_id)
        capture(settings, 3, 4)
        worker.until(paused("was deleted: restore it"))
        client.restore_experiment(found.experiment_id)
        worker.until(lambda: worker.store.status().trackers[0].explanations == 4)
        status = worker.store.status()
        worker.stop()
    [counted] = status.trackers
    assert (counted.traces, counted.waiting, counted.refused) == (4, 0, ())
    kept = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    assert {t.info.trace_id for t in kept} == {f"tr-{trace_id(n)}" for n in (1, 2, 3, 4)}
    assert [len(t.data.spans) for t in kept] == [2] * 4
    assessed = [sorted(a.name for a in t.info.assessments) for t in kept]
    assert assessed == [["smile.driver", "smile.verdict"]] * 4
