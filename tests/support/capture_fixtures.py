"""Fixtures of the tests of capture: a home of one's own, no internal errors, what was captured."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smile_trace._guards import internal_errors
from smile_trace.capture.runtime import state
from smile_trace.testing import Captured, captured


@contextmanager
def capturing_into(home: Path) -> Iterator[None]:
    """Capture writes into this home, and is configured as before afterwards."""
    from smile_trace import configure

    before = (state.config, state.enabled, state.wanted)
    configure(home=home, enabled=True)
    yield
    with state.lock:
        if state.runtime is not None:
            state.runtime.spool.close()
        state.runtime = None
        state.config, state.enabled, state.wanted = before


@pytest.fixture(autouse=True)
def no_internal_errors() -> Iterator[None]:
    """Internal errors are counted per process: each test sees its own only."""
    internal_errors.reset()
    yield
    internal_errors.reset()


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """Capture writes below this folder, and is configured as before afterwards."""
    with capturing_into(tmp_path):
        yield tmp_path


@pytest.fixture
def found(home: Path) -> Iterator[Captured]:
    """What was captured, in memory."""
    with captured() as seen:
        yield seen


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test's processes alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # found anew, and again afterwards
    return folder


def spool_files(folder: Path) -> list[Path]:
    """The spool files in `folder`, in the order of their names."""
    return sorted(folder.glob("*.jsonl"))
