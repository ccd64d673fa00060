"""The contract suite of sources, for a real MLflow server behind a proxy that injects faults."""

from collections.abc import Iterator, Sequence

import pytest
from mlflow import MlflowClient

from smile_trace.records import Span
from smile_trace.records.otlp import spans_to_otlp
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.source_contract import SourceContract
from smile_trace_mlflow import MLflowSource
from smile_trace_mlflow.server import Server
from tests.support.mlflow_server import MLflowServer
from tests.support.reverse_proxy import ReverseProxy

pytestmark = pytest.mark.mlflow


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
        Server(server.url, place).post_spans(spans_to_otlp(spans), self._id(place))
        return f"tr-{spans[0].trace_id}"

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        self.client.delete_traces(self._id(self.places[0]), trace_ids=[trace_id])

    def _id(self, place: str) -> str:
        found = self.client.get_experiment_by_name(place)
        assert found is not None
        return str(found.experiment_id)
