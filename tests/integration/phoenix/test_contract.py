"""The contract suites, for a real Phoenix behind a proxy that injects faults."""

from collections.abc import Iterator, Sequence

import httpx
import pytest

from smile_trace.records import Span
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.source import SourceContract
from smile_trace_contracts.tracker import TrackerContract
from smile_trace_phoenix import PhoenixSource
from tests.support.phoenix_behind_proxy import BehindProxy
from tests.support.phoenix_server import PhoenixServer
from tests.support.phoenix_spans import write_spans
from tests.support.reverse_proxy import ReverseProxy
from tests.support.visible import in_phoenix, verdicts_in_phoenix

pytestmark = pytest.mark.phoenix


class TestPhoenixTracker(BehindProxy, TrackerContract):
    external_trace = {"phoenix.trace_id": "0" * 32}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("Phoenix answers before it looks at single spans; annotations are of one item")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[1]

    def listed_verdicts(self, server: FakeHttpServer) -> list[tuple[str, str]]:
        return verdicts_in_phoenix(self.behind, self.project)


class TestPhoenixSource(SourceContract):
    @pytest.fixture
    def server(self, phoenix_server: PhoenixServer) -> Iterator[ReverseProxy]:
        self.places = (phoenix_server.new_project(), phoenix_server.new_project())
        for place in self.places:
            httpx.post(f"{phoenix_server.url}/v1/projects", json={"name": place}).raise_for_status()
        with ReverseProxy(phoenix_server.port) as proxy:
            yield proxy

    def source(self, server: FakeHttpServer, **options: float) -> PhoenixSource:
        made = PhoenixSource.from_settings(
            {"url": server.url, "projects": self.places, **options}, {}
        )
        assert made is not None
        return made

    def write(self, server: FakeHttpServer, place: str, spans: Sequence[Span]) -> str:
        write_spans(server.url, place, spans)
        return spans[0].trace_id

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        httpx.delete(f"{server.url}/v1/traces/{trace_id}").raise_for_status()
