"""Suppression of instrumentation: nobody's tracer records the calls that an explanation makes."""

from collections.abc import Iterator
from contextlib import contextmanager

from smile_trace.capture import suppressed
from smile_trace.capture.external_tracing import suppress_external_tracing


@contextmanager
def suppress_instrumentation() -> Iterator[None]:
    """Under it neither capture nor OpenTelemetry's instrumentations nor any other tracing system
    that the process has loaded records anything. For this context only (task, thread)."""
    with suppressed(), suppress_external_tracing():
        yield
