"""The contract suite of trackers, for a real Phoenix behind a proxy that injects faults."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace_phoenix import PhoenixTracker
from tests.support.phoenix_server import PhoenixServer
from tests.support.reverse_proxy import ReverseProxy
from tests.support.visible import in_phoenix

pytestmark = [pytest.mark.phoenix, pytest.mark.slow]


class TestPhoenixTracker(TrackerContract):
    external_trace = {"phoenix.trace_id": "0" * 32}
    project: str
    behind: PhoenixServer

    @pytest.fixture
    def server(self, phoenix_server: PhoenixServer) -> Iterator[ReverseProxy]:
        with ReverseProxy(phoenix_server.port) as proxy:
            self.behind, self.project = phoenix_server, phoenix_server.new_project()
            yield proxy

    @pytest.fixture
    def tracker(self, server: ReverseProxy) -> Iterator[PhoenixTracker]:
        made = PhoenixTracker.from_settings(self.table(server))
        assert made is not None
        yield made
        made.close()

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"url": server.url, "project": self.project, "timeout_seconds": 60}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("Phoenix answers before it looks at single spans; annotations are of one item")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[1]
