"""The demo's servers."""

from pathlib import Path

import pytest

from smile_trace.demo import servers
from smile_trace.errors import SmileTraceError


def test_a_fake_comet_needs_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COMET_API_KEY", raising=False)
    monkeypatch.setattr(servers, "CHECKOUT", tmp_path)
    with pytest.raises(SmileTraceError, match="checkout of smile-trace has: run it there"):
        servers.Comet()


def test_the_fake_comet_of_a_checkout_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMET_API_KEY", raising=False)
    comet = servers.Comet()
    try:
        comet.wait()
        assert comet.environment["COMET_URL_OVERRIDE"].endswith("/clientlib/")
        assert "fake" in comet.name
    finally:
        comet.stop()
