"""The contract suite of trackers, for a real MLflow server behind a proxy that injects faults."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace.trackers import Tracker
from smile_trace_mlflow import MLflowTracker
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy
from tests.support.visible import in_mlflow

pytestmark = pytest.mark.mlflow


class TestMLflowTracker(TrackerContract):
    external_trace = {"mlflow.trace_id": "tr-" + "0" * 32}
    cut_off_step = 5
    experiment: str

    @pytest.fixture
    def server(self, mlflow_server: MLflowServer) -> Iterator[ReverseProxy]:
        with ReverseProxy(mlflow_server.port) as proxy:
            self.experiment = mlflow_server.new_experiment()
            yield proxy

    @pytest.fixture
    def tracker(self, server: ReverseProxy) -> MLflowTracker:
        made = MLflowTracker.from_settings(self.table(server))
        assert made is not None
        return made

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"tracking_uri": server.url, "experiment": self.experiment}

    @pytest.mark.slow  # a process that imports the client for each request
    @pytest.mark.parametrize("takes_effect", [False, True])
    def test_a_delivery_whose_process_was_killed_is_completed(
        self, server: FakeHttpServer, tracker: Tracker, takes_effect: bool
    ) -> None:
        super().test_a_delivery_whose_process_was_killed_is_completed(server, tracker, takes_effect)

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("MLflow writes the spans of a request in one transaction")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        return in_mlflow(self.experiment)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        return in_mlflow(self.experiment)[1]
