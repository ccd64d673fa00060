"""The contract suites of trackers and sources, for Opik."""

import pytest

from smile_trace.records import JSON
from smile_trace.trackers.presentation import VERDICT
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.tracker import TrackerContract
from smile_trace_opik import OpikTracker
from tests.support.fake_opik import FakeOpik
from tests.support.visible import in_opik

LISTED = ("trace", VERDICT)


class TestOpikTracker(TrackerContract):
    @pytest.fixture
    def server(self, server: FakeOpik) -> FakeOpik:
        return server

    @pytest.fixture
    def tracker(self, tracker: OpikTracker) -> OpikTracker:
        return tracker

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        assert isinstance(server, FakeOpik)
        return {"url": server.api, "timeout_seconds": 30}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("Opik refuses a request in which one item is wrong")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOpik)
        return in_opik(server)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOpik)
        return in_opik(server)[1]

    def listed_verdicts(self, server: FakeHttpServer) -> list[tuple[str, str]]:
        assert isinstance(server, FakeOpik)
        scores = server.scores.items()
        return [(i, s["category_name"]) for (kind, i, name), s in scores if (kind, name) == LISTED]
