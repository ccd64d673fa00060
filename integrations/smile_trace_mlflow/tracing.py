"""MLflow's tracing in the application: the active trace, and how to suppress it.

It runs in the application's call path and imports nothing: the application has imported mlflow, or
another thread of it is still importing it.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


class MLflowTracing:
    """Hooks by which capture notes MLflow's spans and keeps an explanation's calls out of it."""

    def active_span(self) -> tuple[str, str] | None:
        """Return the active trace's and span's ids."""
        get_span = _find("get_current_active_span")
        span = None if get_span is None else get_span()
        if span is None or not isinstance(span.trace_id, str):
            return None
        return span.trace_id, str(span.span_id)

    def last_trace(self) -> str | None:
        """Return the trace that was last active in this thread."""
        get_id = _find("get_last_active_trace_id")
        found = None if get_id is None else get_id(thread_local=True)
        return found if isinstance(found, str) else None

    def suppress(self) -> AbstractContextManager[object]:
        """Use MLflow's own switch: its automatic logging ignores OpenTelemetry's."""
        context = getattr(_find("tracing"), "context", None)
        if context is None:
            return nullcontext()
        try:
            switch: AbstractContextManager[object] = context(enabled=False)
        except TypeError:  # a release of MLflow before that switch
            return nullcontext()
        return switch


def _find(name: str) -> Any:
    """Return an attribute of mlflow; None if it is not there (yet)."""
    return getattr(sys.modules.get("mlflow"), name, None)
