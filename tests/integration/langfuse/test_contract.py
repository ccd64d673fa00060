"""The contract suites of trackers and sources, for Langfuse."""

from collections.abc import Iterator, Sequence

import pytest

from smile_trace.records import JSON, Span
from smile_trace.trackers.presentation import VERDICT
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.source import SourceContract
from smile_trace_contracts.tracker import TrackerContract
from smile_trace_langfuse import LangfuseSource, LangfuseTracker
from tests.support.fake_langfuse import KEYS, FakeLangfuse, as_langfuse_writes
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.visible import in_langfuse


class TestLangfuseTracker(TrackerContract):
    @pytest.fixture
    def server(self, server: FakeLangfuseWrites) -> FakeLangfuseWrites:
        return server

    @pytest.fixture
    def tracker(self, tracker: LangfuseTracker) -> LangfuseTracker:
        return tracker

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"timeout_seconds": 30}

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

    def listed_verdicts(self, server: FakeHttpServer) -> list[tuple[str, str]]:
        assert isinstance(server, FakeLangfuseWrites)
        of_trace = [s for s in server.scores.values() if "observationId" not in s]
        return [(s["traceId"], s["value"]) for s in of_trace if s["name"] == VERDICT]


class TestLangfuseSource(SourceContract):
    places = ("default", "staging")
    missing_place = None

    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLangfuse]:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
        with FakeLangfuse() as running:
            yield running

    def source(self, server: FakeHttpServer, **options: float) -> LangfuseSource:
        made = LangfuseSource.from_settings(
            {"url": server.url, "environments": self.places, **options}, {}
        )
        assert made is not None
        return made

    def write(self, server: FakeHttpServer, place: str, spans: Sequence[Span]) -> str:
        assert isinstance(server, FakeLangfuse)
        server.add([as_langfuse_writes(span) for span in spans], place)
        return spans[0].trace_id

    def delete(self, server: FakeHttpServer, trace_id: str) -> None:
        assert isinstance(server, FakeLangfuse)
        server.delete(trace_id)
