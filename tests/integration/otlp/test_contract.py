"""The contract suite of trackers, for OTLP, in both encodings."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace_otlp import OtlpTracker
from tests.support.fake_otlp import FakeOtlp
from tests.support.visible import in_otlp


@pytest.fixture(params=["protobuf", "json"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestOtlpTracker(TrackerContract):
    encoding: str

    @pytest.fixture
    def server(self) -> Iterator[FakeOtlp]:
        with FakeOtlp() as running:
            yield running

    @pytest.fixture
    def tracker(self, server: FakeOtlp, encoding: str) -> Iterator[OtlpTracker]:
        self.encoding = encoding
        made = OtlpTracker.from_settings(self.table(server))
        assert made is not None
        yield made
        made.close()

    def table(self, server: FakeHttpServer) -> dict[str, JSON]:
        return {"endpoint": server.url, "encoding": self.encoding, "timeout_seconds": 30}

    def reject_items(self, server: FakeHttpServer, text: str) -> bool:
        assert isinstance(server, FakeOtlp)
        server.unwanted = text
        return True

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        return in_otlp(server)[0]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        return in_otlp(server)[1]
