"""All trackers at once: one that hangs and one that fails hold up no other, and get it afterwards.

MLflow and Phoenix are the real ones, the others strict fakes.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.records import JSON
from smile_trace.settings import Settings
from smile_trace.testing.fake_http_server import Answer, Fault, Request
from smile_trace.trackers import Tracker, discover
from smile_trace_comet.versions import ROWS, merge_rows
from tests.support.comet_samples import prompted_span
from tests.support.fake_comet import FakeComet
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.fake_opik import FakeOpik
from tests.support.fake_otlp import FakeOtlp
from tests.support.fault_injection import Start
from tests.support.mlflow_server import MLflowServer
from tests.support.phoenix_server import PhoenixServer
from tests.support.spooled import span_id, trace_id, write_spool
from tests.support.visible import (
    Seen,
    in_comet,
    in_langfuse,
    in_mlflow,
    in_opik,
    in_otlp,
    in_phoenix,
)

pytestmark = [pytest.mark.mlflow, pytest.mark.phoenix, pytest.mark.slow]

NUMBERS = (7101, 7102, 7103)
"""Of traces that no other test delivers to the two real servers."""


class HangingOpik(FakeOpik):
    """It answers nothing until it is `released`."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.held = 0

    def handle(self, request: Request) -> Answer | None:
        """See `FakeHttpServer`."""
        if not self.released.is_set():
            self.held += 1
            self.released.wait()
        return super().handle(request)

    def stop(self) -> None:
        """See `FakeHttpServer`."""
        self.released.set()
        super().stop()


class Servers:
    """Where the seven trackers deliver to, and what a person sees there."""

    def __init__(
        self,
        folder: Path,
        mlflow_server: MLflowServer,
        phoenix_server: PhoenixServer,
        comet_server: FakeComet,
    ) -> None:
        self.opik, self.langfuse, self.otlp = HangingOpik(), FakeLangfuseWrites(), FakeOtlp()
        self.comet, self.archives = comet_server, folder / "archives"
        self.mlflow, self.phoenix = mlflow_server, phoenix_server
        self.experiment = mlflow_server.new_experiment()
        self.project = phoenix_server.new_project()

    def trackers(self) -> list[Tracker]:
        """All seven, as the settings make them; none gives up within the test."""
        patient: dict[str, JSON] = {"timeout_seconds": 300}
        tables: dict[str, dict[str, JSON]] = {
            "comet": {**patient},
            "comet_archive": {"directory": str(self.archives)},
            "langfuse": {"url": self.langfuse.url, **patient},
            "mlflow": {"tracking_uri": self.mlflow.uri, "experiment": self.experiment},
            "opik": {"url": self.opik.api, **patient},
            "otlp": {"endpoint": self.otlp.url, **patient},
            "phoenix": {"url": self.phoenix.url, "project": self.project, **patient},
        }
        return discover(tables)

    def shown(self) -> dict[str, Seen]:
        """What a person sees, per tracker that takes traces."""
        return {
            "comet": in_comet(self.comet),
            "langfuse": in_langfuse(self.langfuse),
            "mlflow": in_mlflow(self.experiment),
            "opik": in_opik(self.opik),
            "otlp": in_otlp(self.otlp),
            "phoenix": in_phoenix(self.phoenix, self.project),
        }


@pytest.fixture
def servers(
    tmp_path: Path,
    mlflow_server: MLflowServer,
    phoenix_server: PhoenixServer,
    comet_server: FakeComet,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Servers]:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
    made = Servers(tmp_path, mlflow_server, phoenix_server, comet_server)
    with made.opik, made.langfuse, made.otlp:
        yield made


@pytest.mark.usefixtures("server")
def test_of_seven_trackers_one_hangs_and_one_fails(
    settings: Settings, start: Start, servers: Servers
) -> None:
    write_spool(settings.spool, [prompted_span(number, span=number) for number in NUMBERS])
    servers.langfuse.faults = [Fault("answer", Answer(500, b""), times=None)]
    trackers = servers.trackers()
    assert len(trackers) == 7
    worker = start(settings, *trackers)

    def complete() -> set[str]:
        """The trackers for which nothing waits any more."""
        status = worker.store.status()
        explained = status.explained == len(NUMBERS)
        return {
            one.name
            for one in status.trackers
            if explained and one.explanations == len(NUMBERS) and not one.waiting
        }

    ill = {"opik", "langfuse"}
    worker.until(lambda: complete() == {one.name for one in trackers} - ill)
    assert servers.opik.held  # still: its first request has not been answered
    assert (servers.opik.traces, servers.langfuse.spans) == ({}, {})
    by_name = {one.name: one for one in worker.store.status().trackers}
    assert by_name["langfuse"].unavailable
    assert by_name["langfuse"].waiting == 2 * len(NUMBERS)
    assert by_name["opik"].waiting  # of which kinds, it looks once it has its answer

    servers.langfuse.faults = []
    servers.opik.released.set()
    worker.until(lambda: len(complete()) == 7)
    worker.stop()
    for name, (traces, explanations) in servers.shown().items():
        assert len(set(traces)) == len(traces) == len(NUMBERS), name
        assert sorted(explanations) == sorted(traces), name
    [rows] = servers.archives.glob(f"*/{ROWS}")
    archived = [row.call for row in merge_rows(rows.read_bytes(), [])]
    assert sorted(archived) == [f"{trace_id(n)}:{span_id(n)}" for n in NUMBERS]
    assert all(one.refused == () for one in worker.store.status().trackers)
