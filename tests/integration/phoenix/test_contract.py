"""The contract suite of trackers, for a real Phoenix behind a proxy that injects faults."""

import pytest

from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from tests.support.phoenix_behind_proxy import BehindProxy
from tests.support.visible import in_phoenix

pytestmark = [pytest.mark.phoenix, pytest.mark.slow]


class TestPhoenixTracker(BehindProxy, TrackerContract):
    external_trace = {"phoenix.trace_id": "0" * 32}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip("Phoenix answers before it looks at single spans; annotations are of one item")

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        return in_phoenix(self.behind, self.project)[1]
