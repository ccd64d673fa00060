"""The contract suite of trackers, for Comet."""

import pytest

from smile_trace.records import JSON
from smile_trace_comet import CometTracker
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.tracker import TrackerContract
from tests.support.fake_comet import FakeComet
from tests.support.visible import in_comet


class TestCometTracker(TrackerContract):
    cut_off_step = 3

    @pytest.fixture
    def server(self, comet_server: FakeComet) -> FakeComet:
        return comet_server

    @pytest.fixture
    def tracker(self, tracker: CometTracker) -> CometTracker:
        return tracker

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"timeout_seconds": 30}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("no request to Comet holds more than one item")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeComet)
        return in_comet(server)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeComet)
        return in_comet(server)[1]

    def listed_verdicts(self, server: FakeHttpServer) -> list[tuple[str, str]]:
        assert isinstance(server, FakeComet)
        traces = [one for one in server.experiments if one.type == "LLM"]
        return [(one.key, str(one.parameters["smile.status"])) for one in traces]
