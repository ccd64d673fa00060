"""The demo's servers."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from smile_trace.demo.trackers import SERVICES, reader_service
from smile_trace.errors import SmileTraceError
from smile_trace.trackers import CapturedTrace, ExplainedCall, Receipt, discover
from smile_trace_contracts.samples import sample_explanation, sample_trace
from tests.support.fake_server import LED_BY
from tests.support.mlflow_server import MLflowServer


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, known in SERVICES.items():
        for variable in (*known.asked_by, *LED_BY[name]):
            monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_that_nobody_names_is_asked_for(name: str) -> None:
    variable = SERVICES[name].asked_by[0]
    with pytest.raises(SmileTraceError, match=f"set {variable}. .*make demo TRACKER={name}"):
        reader_service(name)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_readers_own_is_taken_where_the_environment_names_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = SERVICES[name].asked_by[0]
    monkeypatch.setenv(variable, "https://backend.example")
    service = reader_service(name)
    assert variable in service.name
    assert service.environment == {variable: "https://backend.example"}


@contextmanager
def fake(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fake server in its own process, to which the environment leads."""
    command = [sys.executable, "-m", "tests.support.fake_server", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        for variable, value in LED_BY[name].items():
            monkeypatch.setenv(variable, value.format(url=url))
        yield url
        process.terminate()


def test_a_command_is_led_to_a_fake_server() -> None:
    shown = "import os; print(os.environ['COMET_URL_OVERRIDE'])"
    command = [sys.executable, "-m", "tests.support.fake_server", "comet", "--run"]
    done = subprocess.run([*command, sys.executable, "-c", shown], capture_output=True, text=True)
    pages, override = done.stdout.split("\n")[:2]
    assert override == f"{pages.split(': ')[1]}/clientlib/"


@pytest.mark.slow
def test_the_fake_comet_of_a_checkout_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake("comet", monkeypatch) as url:
        assert "Fake Comet server" in httpx.get(url).text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["langfuse", "opik", "otlp"])
def test_a_fake_server_shows_the_explanation_that_it_got(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "none"))
    with fake(name, monkeypatch) as address:
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
        for url in (address, *([sent.url] if sent.url else [])):
            page = httpx.get(url)
            assert page.is_success
            assert "1 explanation<" in page.text
            assert f"trace {sent.external_id}<" in page.text
            assert "<td>reliable</td>" in page.text
            assert "<td>France</td>" in page.text
            assert ("data:image/svg+xml" in page.text) == (name != "otlp")


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
