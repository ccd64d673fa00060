"""The receiver says whether it lives and whether it takes anything, and logs what it refuses."""

import logging
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from smile_trace.sources.receiver.app import REQUESTS, make_app
from smile_trace.spool import Spool
from tests.support.otlp_requests import recorded_requests

BODY = recorded_requests()[0]


def client_of(folder: Path, *, spool_limit: int = 2**20, per_second: float = 1e9) -> TestClient:
    spool = Spool(folder, file_limit=2**20, spool_limit=spool_limit)
    clock = [0.0]
    app = make_app(
        spool, max_body=2**20, per_second=per_second, token="secret", clock=lambda: clock[0]
    )
    return TestClient(app)


def test_it_is_ready_without_a_token_as_long_as_the_spool_takes_more(tmp_path: Path) -> None:
    client = client_of(tmp_path / "spool", spool_limit=100)
    assert (client.get("/health/live").status_code, client.get("/health/ready").status_code) == (
        200,
        200,
    )
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "a.jsonl").write_bytes(b"x" * 101)
    full = client_of(tmp_path / "spool", spool_limit=100)
    answer = full.get("/health/ready")
    assert (answer.status_code, answer.text) == (503, "the spool is full, or cannot be written\n")
    assert full.get("/health/live").status_code == 200


def test_the_log_says_that_senders_have_to_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(tmp_path, per_second=1.0)
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    with caplog.at_level(logging.WARNING, "smile_trace.sources.receiver.app"):
        answers = [
            client.post("/v1/traces", content=BODY, headers=headers).status_code for _ in range(3)
        ]
    assert answers == [200, 429, 429]
    said = [record.getMessage() for record in caplog.records if "429" in record.getMessage()]
    assert len(said) == 1, "not once for each"
    [metric] = text_string_to_metric_families(client.get("/metrics").text)
    counts = {one.labels["status"]: one.value for one in metric.samples}
    assert (f"{metric.name}_total", metric.type) == (REQUESTS, "counter")
    assert counts == {"200": 1.0, "429": 2.0, "503": 0.0}
