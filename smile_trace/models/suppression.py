"""Silence while we ask: nobody's tracer records the calls that an explanation makes."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from smile_trace.capture import suppressed


@contextmanager
def suppress_instrumentation() -> Iterator[None]:
    """Under it neither capture nor OpenTelemetry's instrumentations nor MLflow record anything.

    For this context only (task, thread). MLflow's automatic logging does not heed
    OpenTelemetry's suppression, but has a switch of its own; it is used where the process has
    loaded MLflow, and never loaded for it.
    """
    with ExitStack() as stack:
        stack.enter_context(suppressed())
        tracing = getattr(sys.modules.get("mlflow"), "tracing", None)
        context = getattr(tracing, "context", None)
        if context is not None:
            with suppress(TypeError):  # a release of MLflow before that switch
                stack.enter_context(context(enabled=False))
        yield
