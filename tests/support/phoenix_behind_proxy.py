"""The server and the tracker of the contract suites: a real Phoenix behind a proxy that injects
faults."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_phoenix import PhoenixTracker
from tests.support.phoenix_server import PhoenixServer
from tests.support.reverse_proxy import ReverseProxy


class BehindProxy:
    """Stands before the contract among the bases of a class of tests; `project` is a new one for
    each test, of `behind`."""

    behind: PhoenixServer
    project: str

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
