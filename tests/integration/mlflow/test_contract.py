"""The contract suites, for a real MLflow server behind a proxy that injects faults."""

from collections.abc import Iterator, Sequence

import pytest
from mlflow import MlflowClient

from smile_trace.records import JSON, Span
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.source import SourceContract
from smile_trace_contracts.tracker import TrackerContract
from smile_trace_mlflow import MLflowSource, MLflowTracker
from smile_trace_mlflow.server import Server
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy
from tests.support.visible import in_mlflow, verdicts_in_mlflow

pytestmark = pytest.mark.mlflow


class TestMLflowTracker(TrackerContract):
    external_trace = {"mlflow.trace_id": "tr-" + "0" * 32}
    cut_off_step = 9
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

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("MLflow writes the spans of a request in one transaction")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        return in_mlflow(self.experiment)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        return in_mlflow(self.experiment)[1]

    def listed_verdicts(self, server: FakeHttpServer) -> list[tuple[str, str]]:
        return verdicts_in_mlflow(self.experiment)


class TestMLflowSource(SourceContract):
    @pytest.fixture
    def server(
        self, mlflow_server: MLflowServer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[ReverseProxy]:
        self.places = (mlflow_server.new_experiment(), mlflow_server.new_experiment())
        self.client = MlflowClient(mlflow_server.uri)
        for place in self.places:
            self.client.create_experiment(place)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        self.monkeypatch = monkeypatch
        with ReverseProxy(mlflow_server.port) as proxy:
            yield proxy

    def source(
        self, server: FakeHttpServer, *, timeout_seconds: float = 30, **options: float
    ) -> MLflowSource:
        seconds = str(max(1, round(timeout_seconds)))  # MLflow takes whole ones, of its variable
        self.monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", seconds)
        return MLflowSource.from_settings(
            {"tracking_uri": server.url, "experiments": self.places, **options}, {}
        )

    def write(self, server: FakeHttpServer, place: str, spans: Sequence[Span]) -> str:
        Server(server.url, place).post_spans(spans, self._id(place))
        return f"tr-{spans[0].trace_id}"

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        self.client.delete_traces(self._id(self.places[0]), trace_ids=[trace_id])

    def _id(self, place: str) -> str:
        found = self.client.get_experiment_by_name(place)
        assert found is not None
        return str(found.experiment_id)
