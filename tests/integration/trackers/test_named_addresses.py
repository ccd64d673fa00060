"""No tracker and no source asks an address that its backend names, unless the gate lets it pass.

Every installed one is walked. Here 127.0.0.1 counts as public, and 127.0.0.2 as this machine.
"""

import contextlib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from smile_trace._guards import addresses
from smile_trace._guards.addresses import Reach
from smile_trace.errors import SmileTraceError
from smile_trace.records import JSON, Trace
from smile_trace.records.report import Report
from smile_trace.sources import protocol as sources
from smile_trace.trackers import (
    ComparedPrompt,
    ExplainedPath,
    ProfiledCall,
    Receipt,
    Tracker,
)
from smile_trace.trackers import discovery as trackers
from smile_trace_contracts.fake_http_server import FakeHttpServer
from smile_trace_contracts.samples import (
    sample_comparison,
    sample_explanation,
    sample_profile,
    sample_review,
    sample_trace,
)
from smile_trace_contracts.tracker import _captured, _explained, _forgotten
from tests.support.elsewhere import Elsewhere, Wishing
from tests.support.fake_langfuse import KEYS
from tests.support.fake_langfuse_writes import FakeLangfuseWrites
from tests.support.fake_opik import FakeOpik
from tests.support.fake_otlp import FakeOtlp
from tests.support.reverse_proxy import ReverseProxy
from tests.support.sample_paths import sample_path

Table = dict[str, JSON]


def _mlflow(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    real = request.getfixturevalue("mlflow_server")
    proxy = ReverseProxy(real.port)
    name = real.new_experiment()
    experiments: list[JSON] = [name]
    tracked: Table = {"tracking_uri": proxy.url, "experiment": name}
    return proxy, tracked, {"tracking_uri": proxy.url, "experiments": experiments}


def _phoenix(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    real = request.getfixturevalue("phoenix_server")
    proxy = ReverseProxy(int(real.url.rpartition(":")[2]))
    project = real.new_project()
    return proxy, {"url": proxy.url, "project": project}, {"url": proxy.url, "projects": [project]}


def _opik(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    server = FakeOpik(storage=True)
    return server, {"url": server.api, "project": "p"}, {"url": server.api, "projects": ["p"]}


def _langfuse(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    server = FakeLangfuseWrites()
    return server, {"url": server.url}, {"url": server.url, "environments": ["default"]}


def _otlp(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    server = FakeOtlp()
    return server, {"endpoint": server.url}, {}


def _comet(request: pytest.FixtureRequest) -> tuple[FakeHttpServer, Table, Table]:
    return request.getfixturevalue("comet_server"), {}, {}


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], tuple[FakeHttpServer, Table, Table]]] = {
    "comet": _comet,
    "langfuse": _langfuse,
    "mlflow": _mlflow,
    "opik": _opik,
    "otlp": _otlp,
    "phoenix": _phoenix,
}
"""By name: a server, and the options of the tracker and of the source that ask it."""
WITHOUT_SERVER = {"comet_archive"}
REAL = ("mlflow", "phoenix")
"""Those without a fake; MLflow's own tests name addresses in it, too."""
INSTALLED = sorted(
    {entry.name for group in (trackers.GROUP, sources.GROUP) for entry in entry_points(group=group)}
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    folder = tmp_path / "canary"
    folder.mkdir()
    with Elsewhere(folder) as found:
        yield found


@pytest.fixture
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = addresses.reach_of

    def reach_of(address: str) -> Reach:
        return Reach.PUBLIC if address == "127.0.0.1" else right(address)

    monkeypatch.setattr(addresses, "reach_of", reach_of)
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", KEYS[0])
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", KEYS[1])
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_every_integration_is_walked() -> None:
    missing = set(INSTALLED) - BACKENDS.keys() - WITHOUT_SERVER
    assert not missing, f"add a server of {missing} to BACKENDS of this file"


@pytest.mark.usefixtures("_this_machine")
@pytest.mark.parametrize("wish", ["server", "folder", "redirect"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in REAL else ())
        for name in INSTALLED
        if name in BACKENDS
    ],
)
def test_nothing_elsewhere_is_asked(
    name: str,
    wish: str,
    elsewhere: Elsewhere,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, tracked, pulled = BACKENDS[name](request)
    ours = name != "comet"  # that one serves the whole session
    with server if ours else contextlib.nullcontext():
        made = _made(trackers.GROUP, name, tracked)
        source = _made(sources.GROUP, name, pulled, {})
        trace = sample_trace(calls=2)
        there = _deliver(made, trace) if made else trace.trace_id
        address = elsewhere.wishes["folder" if wish == "folder" else "server"]
        wishing = Wishing(server, address, redirect=wish == "redirect")
        with monkeypatch.context() as patched:
            patched.setattr(server, "handle", wishing.handle)
            if made:
                _everything(made, trace, there)
            if source:
                _read(source, pulled, there)
        assert elsewhere.untouched(), elsewhere.reached
        assert wishing.named or name in ("otlp", "phoenix"), "nothing was named: what is tested?"
        if made:
            made.close()


def _made(group: str, name: str, *tables: Table) -> Any:
    for entry in entry_points(group=group):
        if entry.name == name:
            return entry.load().from_settings(*tables)
    return None


def _deliver(tracker: Tracker, trace: Trace) -> str:
    """While the backend is honest."""
    [traced] = tracker.deliver_traces(_captured(trace))
    assert isinstance(traced, Receipt), traced
    for outcome in tracker.deliver_explanations(_explained(trace, traced.external_id)):
        assert isinstance(outcome, Receipt), outcome
    return traced.external_id


def _everything(tracker: Tracker, trace: Trace, there: str) -> None:
    """Every operation, of what is there and of something new; any may fail with a reason."""
    [call, _], new = trace.calls, sample_trace()
    profile = ProfiledCall(trace=trace, call=call, profile=sample_profile(call), traced_as=there)
    steps = sample_path().model_copy(update={"trace_id": trace.trace_id})
    path = ExplainedPath(trace=trace, path=steps, traced_as=there)
    newer = [
        item.model_copy(update={"explanation": sample_explanation(item.call, status="no_effect")})
        for item in _explained(trace, there)
    ]
    compared = ComparedPrompt(comparison=sample_comparison("elsewhere"))
    report = Report(since="2026-11-19", until="2026-11-26", name="elsewhere")
    attempts: list[Callable[[], object]] = [
        tracker.check,
        lambda: tracker.deliver_traces(_captured(new)),
        lambda: tracker.deliver_explanations(newer),
        lambda: tracker.deliver_paths([path]),
        lambda: tracker.deliver_profiles([profile]),
        lambda: tracker.deliver_comparison(compared),
        lambda: tracker.deliver_report(report),
        lambda: tracker.send_for_review("elsewhere", [sample_review(trace.trace_id)]),
        lambda: tracker.read_reviews("elsewhere"),
        lambda: tracker.read_marks([there]),
        lambda: tracker.forget([_forgotten(trace, there)]),
        lambda: tracker.forget([_forgotten(new, None)]),
    ]
    for attempt in attempts:
        with contextlib.suppress(SmileTraceError, NotImplementedError):
            attempt()


def _read(source: Any, table: Table, trace_id: str) -> None:
    place = str(next(value for value in table.values() if isinstance(value, list))[0])
    attempts: list[Callable[[], object]] = [
        lambda: source.page(place, 0, 4_000_000_000_000, 100),
        lambda: source.read(trace_id),
        lambda: source.evaluated("0" * 32),
    ]
    for attempt in attempts:
        with contextlib.suppress(SmileTraceError):
            attempt()
