"""The contract suite of sources, for a real Phoenix behind a proxy that injects faults."""

from collections.abc import Iterator, Sequence

import httpx
import pytest

from smile_trace.records import Span
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.source_contract import SourceContract
from smile_trace_phoenix import PhoenixSource
from tests.support.phoenix_server import PhoenixServer
from tests.support.phoenix_spans import write_spans
from tests.support.reverse_proxy import ReverseProxy

pytestmark = pytest.mark.phoenix


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
