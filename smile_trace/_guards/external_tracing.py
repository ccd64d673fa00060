"""The application's own tracing: noted on each call, suppressed under ours, never changed.

OpenTelemetry is handled here; any other system by an integration, which declares an
`ExternalTracing` as an entry point of the group `smile_trace.external_tracing`. The entry's name is
the module that the application imports ("mlflow"): the integration is loaded after that module, and
until then costs one lookup in `sys.modules`.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol, cast

from smile_trace import semconv
from smile_trace._guards.internal_errors import keep_inside, report_error

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "smile_trace.external_tracing"
_SUPPRESSED: ContextVar[bool] = ContextVar("smile_trace_suppressed", default=False)
_OTEL_SUPPRESS_KEYS = ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")

_Integrations = dict[str, Callable[[], "ExternalTracing | None"]]
_integrations: _Integrations | None = None
_lookup = threading.local()


class ExternalTracing(Protocol):
    """A tracing system of the application's. It is called in the application's call path, possibly
    while another thread is still importing the system's module; its exceptions are counted."""

    def active_span(self) -> tuple[str, str] | None:
        """The trace id and the span id that are active in this context, or None."""
        ...

    def last_trace(self) -> str | None:
        """The id of the trace that was last active in this thread or task, or None."""
        ...

    def suppress(self) -> AbstractContextManager[object]:
        """A context manager under which the system records nothing in this thread or task."""
        ...


def register(module: str, tracing: ExternalTracing) -> None:
    """Use `tracing` once `module` has been imported, in place of an entry point of that name."""
    _known()[module] = lambda: tracing


def external_trace_attributes() -> dict[str, str]:
    """The ids of the application's active spans, as attributes under `smile_trace.external.`."""
    attributes: dict[str, str] = {}
    otel = sys.modules.get("opentelemetry.trace")
    current_span = getattr(otel, "get_current_span", None)  # None while it is being imported
    if current_span is not None:
        context = current_span().get_span_context()
        if context.is_valid:
            attributes[semconv.EXTERNAL_OTEL_TRACE] = f"{context.trace_id:032x}"
            attributes[semconv.EXTERNAL_OTEL_SPAN] = f"{context.span_id:016x}"
    for name, tracing in _loaded():
        span = tracing.active_span()
        if span is not None:
            attributes[f"{semconv.EXTERNAL_PREFIX}{name}.trace_id"] = span[0]
            attributes[f"{semconv.EXTERNAL_PREFIX}{name}.span_id"] = span[1]
    return attributes


def last_traces() -> dict[str, str]:
    """The last trace of each loaded system here, as attributes under `smile_trace.external.`."""
    traces: dict[str, str] = {}
    for name, tracing in _loaded():
        trace = tracing.last_trace()
        if trace is not None:
            traces[f"{semconv.EXTERNAL_PREFIX}{name}.trace_id"] = trace
    return traces


def _loaded() -> list[tuple[str, ExternalTracing]]:
    found = []
    for name, load in (_integrations or _known()).items():
        if name in sys.modules and (tracing := load()) is not None:
            found.append((name, tracing))
    return found


def find_integrations() -> None:
    """Look up the installed integrations, once. `trace` does so before the first call."""
    _known()


def _known() -> _Integrations:
    """The installed integrations, by the module they wait for."""
    global _integrations
    if _integrations is None:
        if getattr(_lookup, "running", False):
            return {}  # a signal handler's call in the middle of the lookup
        _lookup.running = True
        try:
            from importlib.metadata import entry_points  # a sixth of our import

            entries = entry_points(group=GROUP)
            _integrations = {entry.name: cache(partial(_load, entry)) for entry in entries}
        except Exception as error:  # noqa: BLE001  another package's metadata may be broken
            keep_inside(error)
            report_error("the installed integrations could not be looked up", error)
            _integrations = {}
        finally:
            _lookup.running = False
    return _integrations


def _load(entry: "EntryPoint") -> ExternalTracing | None:
    try:
        return cast("ExternalTracing", entry.load()())
    except Exception as error:  # noqa: BLE001  the user's call goes on
        keep_inside(error)
        report_error(f"the integration of {entry.name} could not be loaded", error)
        return None


def is_suppressed() -> bool:
    """Whether `suppress_instrumentation` holds here."""
    return _SUPPRESSED.get()


@contextmanager
def suppress_instrumentation() -> Iterator[None]:
    """Keep capture, OpenTelemetry's instrumentations and every other tracing system that the
    process has loaded from recording anything, in this context (task, thread) only."""
    from opentelemetry import context as otel_context

    token = _SUPPRESSED.set(True)
    context = otel_context.get_current()
    for name in _OTEL_SUPPRESS_KEYS:
        key = getattr(otel_context, name, None)
        if key is not None:
            context = otel_context.set_value(key, True, context)
    # The key that instrumentations looked at before the API had one of its own.
    context = otel_context.set_value("suppress_instrumentation", True, context)
    otel_token = otel_context.attach(context)
    try:
        with ExitStack() as stack:
            for _, tracing in _loaded():
                stack.enter_context(tracing.suppress())
            yield
    finally:
        otel_context.detach(otel_token)
        _SUPPRESSED.reset(token)
