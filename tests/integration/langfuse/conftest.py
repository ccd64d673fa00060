"""A strict fake of Langfuse, and a tracker that delivers to it."""

from collections.abc import Iterator

import pytest

from smile_trace_langfuse import LangfuseTracker
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites


@pytest.fixture
def server() -> Iterator[FakeLangfuseWrites]:
    with FakeLangfuseWrites() as running:
        yield running


@pytest.fixture
def tracker(
    server: FakeLangfuseWrites, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LangfuseTracker]:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
    monkeypatch.setenv("LANGFUSE_BASE_URL", server.url)
    made = LangfuseTracker.from_settings({"timeout_seconds": 30})
    assert made is not None
    yield made
    made.close()
