"""Another tracing system: noted on each call, suppressed, and used only once it is imported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

import smile_trace
from smile_trace.capture import external_tracing, internal_errors
from smile_trace.models.suppression import suppress_instrumentation
from smile_trace.testing import Captured


class Tracing:
    """A tracing system with one active span."""

    def __init__(self) -> None:
        self.active: tuple[str, str] | None = ("t-1", "s-1")
        self.last: str | None = None
        self.suppressed = False

    def active_span(self) -> tuple[str, str] | None:
        return self.active

    def last_trace(self) -> str | None:
        return self.last

    @contextmanager
    def suppress(self) -> Iterator[None]:
        self.suppressed = True
        yield
        self.suppressed = False


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracing]:
    """Registered for the module `fake_tracing`, which has been imported."""
    monkeypatch.setitem(sys.modules, "fake_tracing", ModuleType("fake_tracing"))
    known = external_tracing._known()
    before = dict(known)
    registered = Tracing()
    external_tracing.register("fake_tracing", registered)
    yield registered
    known.clear()
    known.update(before)


@smile_trace.trace(model="m")
def ask(prompt: str) -> str:
    return f"answer to {prompt}"


def test_the_active_span_is_noted(tracing: Tracing, found: Captured) -> None:
    ask("x")
    tracing.active = None
    ask("y")
    first, second = found.calls
    assert first.external_trace == {"fake_tracing.trace_id": "t-1", "fake_tracing.span_id": "s-1"}
    assert second.external_trace == {}


def test_a_trace_that_began_inside_of_the_call_is_noted(tracing: Tracing, found: Captured) -> None:
    tracing.active, tracing.last = None, "before"

    @smile_trace.trace(model="m")
    def automatic(prompt: str) -> str:
        tracing.last = "inside"
        return "x"

    automatic("x")
    ask("y")
    first, second = found.calls
    assert first.external_trace == {"fake_tracing.trace_id": "inside"}
    assert second.external_trace == {}


def test_before_the_system_is_imported_it_is_not_asked(
    tracing: Tracing, found: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fake_tracing")
    ask("x")
    assert found.calls[0].external_trace == {}


def test_it_is_suppressed_under_our_own_calls(tracing: Tracing) -> None:
    with suppress_instrumentation():
        assert tracing.suppressed
    assert not tracing.suppressed


def test_an_integration_that_cannot_be_loaded_is_counted_once(
    tracing: Tracing, found: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("fake_tracing", "no_such_package:Tracing", external_tracing.GROUP)
    monkeypatch.setattr(external_tracing, "_integrations", None)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [broken])
    assert [ask("x"), ask("y")] == ["answer to x", "answer to y"]
    assert [call.external_trace for call in found.calls] == [{}, {}]
    assert internal_errors.counts() == {"the integration of fake_tracing could not be loaded": 1}
