"""A fake Opik, and a tracker of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace_opik import OpikTracker
from tests.support.fake_opik import FakeOpik


@pytest.fixture
def server() -> Iterator[FakeOpik]:
    with FakeOpik() as running:
        yield running


@pytest.fixture
def options() -> dict[str, str]:
    """Beside the server and the project."""
    return {}


@pytest.fixture
def tracker(
    server: FakeOpik, options: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[OpikTracker]:
    monkeypatch.setenv("OPIK_CONFIG_PATH", str(tmp_path / "opik.config"))
    table = {"url": server.api, "project": "pr", "timeout_seconds": 30, **options}
    made = OpikTracker.from_settings(table)
    assert made is not None
    yield made
    made.close()
