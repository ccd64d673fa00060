"""The contract suite of sources, for Langfuse."""

from collections.abc import Iterator, Sequence

import pytest

from smile_trace.records import Span
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.source_contract import SourceContract
from smile_trace_langfuse import LangfuseSource
from tests.support.fake_langfuse import KEYS, FakeLangfuse, as_langfuse_writes


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
