"""The contract suite of trackers, for OTLP, in both encodings."""

from collections.abc import Iterator

import pytest

from smile_trace.records import JSON
from smile_trace.testing.fake_http_server import FakeHttpServer
from smile_trace.testing.tracker_contract import TrackerContract
from smile_trace_otlp import OtlpTracker
from tests.support.fake_otlp import FakeOtlp


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

    def visible_traces(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        explained = {id(span) for span in server.explanations}
        roots = [s for s in server.spans if not s.parent_span_id and id(s) not in explained]
        return [span.trace_id.hex() for span in roots]

    def visible_explanations(self, server: FakeHttpServer) -> list[str]:
        assert isinstance(server, FakeOtlp)
        return [span.trace_id.hex() for span in server.explanations]
