"""The contract suite of trackers, for Langfuse."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace_langfuse import LangfuseTracker
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.visible import in_langfuse


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

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        pytest.skip(
            "Langfuse keeps a request of spans before it looks at them; scores go one by one"
        )

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeLangfuseWrites)
        return in_langfuse(server)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeLangfuseWrites)
        return in_langfuse(server)[1]
