"""The demo's servers."""

from pathlib import Path

import httpx
import pytest

from smile_trace.demo import services
from smile_trace.demo.services import SERVICES, Service
from smile_trace.errors import SmileTraceError
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, discover
from smile_trace_contracts.samples import sample_explanation, sample_trace
from tests.support.mlflow_server import MLflowServer


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in SERVICES.values():
        for name in (*known.asked_by, *known.fake):
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_fake_server_needs_a_checkout(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(services, "CHECKOUT", tmp_path)
    with pytest.raises(SmileTraceError, match=f"has: run it there .make demo TRACKER={name}"):
        Service(name, SERVICES[name])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_readers_own_is_taken_where_the_environment_names_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = SERVICES[name]
    monkeypatch.setenv(known.asked_by[0], "https://backend.example")
    service = Service(name, known)
    assert "fake" not in service.name
    assert service.environment == {known.asked_by[0]: "https://backend.example"}
    service.stop()


@pytest.mark.slow
def test_the_fake_comet_of_a_checkout_starts() -> None:
    comet = Service("comet", SERVICES["comet"])
    try:
        comet.wait()
        assert comet.environment["COMET_URL_OVERRIDE"].endswith("/clientlib/")
        assert "fake" in comet.name
        assert "Fake Comet server" in httpx.get(comet.environment["COMET_URL_OVERRIDE"][:-11]).text
    finally:
        comet.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["langfuse", "opik", "otlp"])
def test_a_fake_server_shows_the_explanation_that_it_got(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "none"))
    service = Service(name, SERVICES[name])
    try:
        service.wait()
        for variable, value in service.environment.items():
            monkeypatch.setenv(variable, value)
        [tracker] = [one for one in discover({name: {}}) if one.name == name]
        trace = sample_trace()
        [call] = trace.calls
        [sent] = tracker.deliver_traces([CapturedTrace(trace=trace)])
        assert isinstance(sent, Receipt), sent
        explained = sample_explanation(call)
        item = ExplainedCall(
            trace=trace, call=call, explanation=explained, traced_as=sent.external_id
        )
        [shown] = tracker.deliver_explanations([item])
        assert isinstance(shown, Receipt), shown
        tracker.close()
        address = service.where.split(": ")[1]
        for url in (address, *([sent.url] if sent.url else [])):
            page = httpx.get(url)
            assert page.is_success
            assert "1 explanation<" in page.text
            assert f"trace {sent.external_id}<" in page.text
            assert "<td>reliable</td>" in page.text
            assert "<td>France</td>" in page.text
            assert ("data:image/svg+xml" in page.text) == (name != "otlp")
    finally:
        service.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:5000", 200), ("rebound.example:5000", 403), ("10.0.0.1.rebound.example", 403)],
)
def test_mlflow_answers_by_no_other_name(
    mlflow_server: MLflowServer, host: str, status: int
) -> None:
    address = f"{mlflow_server.uri}/api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(address, headers={"Host": host}).status_code == status
