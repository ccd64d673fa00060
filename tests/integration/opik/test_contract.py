"""The contract suite of trackers, for Opik."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace_opik import OpikTracker
from tests.support.fake_opik import FakeOpik
from tests.support.visible import in_opik


class TestOpikTracker(TrackerContract):
    @pytest.fixture
    def server(self) -> Iterator[FakeOpik]:
        with FakeOpik() as running:
            yield running

    @pytest.fixture
    def tracker(
        self, server: FakeOpik, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[OpikTracker]:
        monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
        made = OpikTracker.from_settings(self.table(server))
        assert made is not None
        yield made
        made.close()

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
