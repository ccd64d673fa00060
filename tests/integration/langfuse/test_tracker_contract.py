"""The contract suite of trackers, for Langfuse."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace.trackers.late_span import EXPLANATION_NAME
from smile_trace_langfuse import LangfuseTracker
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites


class TestLangfuseTracker(TrackerContract):
    @pytest.fixture
    def server(self) -> Iterator[FakeLangfuseWrites]:
        with FakeLangfuseWrites() as running:
            yield running

    @pytest.fixture
    def tracker(
        self, server: FakeLangfuseWrites, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[LangfuseTracker]:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
        made = LangfuseTracker.from_settings(self.table(server))
        assert made is not None
        yield made
        made.close()

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"url": server.url, "timeout_seconds": 30}

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeLangfuseWrites)
        return [span.trace_id for span in server.spans.values() if span.parent_id is None]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeLangfuseWrites)
        return [s.trace_id for s in server.spans.values() if s.name.startswith(EXPLANATION_NAME)]
