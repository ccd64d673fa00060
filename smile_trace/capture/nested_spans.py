"""Spans of instrumentors, written to our spool.

Their parents are the decorated functions, in our own context, but they report the application's
active span as their context: neither tracing ever sees a parent that it does not know.
"""

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.util._decorator import _agnosticcontextmanager

from smile_trace import semconv
from smile_trace._guards.external_tracing import external_trace_attributes
from smile_trace._guards.internal_errors import keep_inside, report_error, suppressed
from smile_trace._guards.jsonable import dumps
from smile_trace._guards.redaction import redact
from smile_trace._text.prompts import find_renderings
from smile_trace.capture.recording import at_exit, current
from smile_trace.capture.runtime import Runtime, active, runtime
from smile_trace.providers import content_of, read_client_request

_REQUEST = "input.value"
_MESSAGE = "llm.input_messages."
_told: "ContextVar[_SpanProxy | None]" = ContextVar("smile_trace_told_span", default=None)
"""The context's last span of an instrumentor that cannot make its spans current; possibly ended."""
_open: "weakref.WeakSet[_SpanProxy]" = weakref.WeakSet()


class NestedProvider(otel.TracerProvider):
    """Makes tracers whose spans go to our spool, with parents from our own context; `attached` if
    the instrumentor makes its spans current for what happens inside them."""

    def __init__(self, *, attached: bool = True) -> None:
        self._attached = attached

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> "NestedTracer":
        """A tracer of that name."""
        return NestedTracer(
            instrumenting_module_name, instrumenting_library_version, attached=self._attached
        )


class NestedTracer(otel.Tracer):
    """Starts spans as children of our current span."""

    def __init__(self, name: str, version: str | None, *, attached: bool = True) -> None:
        self._scope = (name, version)
        self._attached = attached
        self._made: tuple[Runtime, otel.Tracer] | None = None

    def start_span(
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Start a span of ours; while capture is off, it records nothing."""
        application_span = _application_span(otel.get_current_span(context))
        if not active():
            return otel.NonRecordingSpan(application_span.get_span_context())
        within = _own_parent(otel.get_current_span(context), self._attached)
        parent = within.real if isinstance(within, _SpanProxy) else within
        ours = Context() if parent is None else otel.set_span_in_context(parent, Context())
        span = self._tracer().start_span(name, ours, *args, **kwargs)
        recording = current.get()
        with suppressed(Exception):
            span.set_attributes(external_trace_attributes())
            for key in ("session", "user"):
                value = getattr(recording, key, None)
                if value is not None:
                    span.set_attribute(f"{key}.id", str(value))
        proxy = _SpanProxy(span, application_span)
        if not self._attached:
            proxy.around = within if isinstance(within, _SpanProxy) else None
            proxy.recording = recording
            _told.set(proxy)
        return proxy

    @_agnosticcontextmanager
    def start_as_current_span(
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> Iterator[otel.Span]:
        """Start a span that is current while the block runs."""
        end_on_exit = kwargs.pop("end_on_exit", True)
        span = self.start_span(name, context, *args, **kwargs)
        with otel.use_span(span, end_on_exit=end_on_exit) as used:
            yield used

    def _tracer(self) -> otel.Tracer:
        here = runtime()
        if self._made is None or self._made[0] is not here:
            self._made = (here, here.provider.get_tracer(*self._scope))
        return self._made[1]


class _SpanProxy(otel.Span):
    """A span of ours that reports the application's active span as its own context."""

    def __init__(self, span: otel.Span, application_span: otel.Span) -> None:
        self.real = span
        self.application_span = application_span
        self.around: _SpanProxy | None = None
        self.recording: Any = None
        self._pid = os.getpid()
        _open.add(self)

    def get_span_context(self) -> otel.SpanContext:
        return self.application_span.get_span_context()

    def is_recording(self) -> bool:
        return self.real.is_recording()

    def set_attribute(self, key: str, value: Any) -> None:
        self.real.set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.real.set_attributes(attributes)

    def add_event(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.real.add_event(name, *args, **kwargs)

    def update_name(self, name: str) -> None:
        self.real.update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.real.set_status(status, description)

    def record_exception(self, exception: BaseException, *args: Any, **kwargs: Any) -> None:
        self.real.record_exception(exception, *args, **kwargs)

    def end(self, end_time: int | None = None) -> None:
        """End the span, after looking for prompts in the messages."""
        try:
            self._note_prompts()
        except Exception as error:  # noqa: BLE001  the user's call goes on
            keep_inside(error)
            report_error("the prompts of an instrumented call could not be looked for", error)
        self.real.end(end_time)

    def _note_prompts(self) -> None:
        texts = _sent_texts(getattr(self.real, "attributes", None) or {})
        uses = find_renderings(texts)
        # Redaction comes later and would move what was found.
        if uses and not any(redact(text, runtime().config.redactors)[1] for text in texts):
            self.real.set_attribute(semconv.PROMPTS, dumps(uses))

    def abandon(self) -> None:
        """End the span as abandoned, unless it has ended."""
        if self.real.is_recording() and self._pid == os.getpid():
            self.real.set_attribute(semconv.STATUS, "abandoned")
            self.real.end()

    def __del__(self) -> None:
        with suppress(Exception):
            self.abandon()


def _sent_texts(attributes: Mapping[str, Any]) -> list[str]:
    """The content of each message, as the OpenInference dialect reads it."""
    with suppressed(ValueError, RecursionError):
        request = json.loads(attributes.get(_REQUEST) or "null")
        if isinstance(request, dict) and (sent := read_client_request(request)) is not None:
            return [content_of(message) for message in sent.messages or ()]
    texts: dict[int, list[str]] = {}
    for key, value in attributes.items():
        if key.startswith(_MESSAGE) and isinstance(value, str):
            index, _, rest = key.removeprefix(_MESSAGE).partition(".")
            if index.isdecimal() and (rest == "message.content" or rest.endswith("_content.text")):
                texts.setdefault(int(index), []).append(value)
    return ["\n".join(texts.get(i, ())) for i in range(max(texts, default=-1) + 1)]


def _unwrapped(span: otel.Span) -> otel.Span:
    """The span behind a proxy that an instrumentor put around it."""
    return getattr(span, "__wrapped__", span)


def _application_span(span: otel.Span) -> otel.Span:
    """The application's active span, also from inside one of ours."""
    span = _unwrapped(span)
    return span.application_span if isinstance(span, _SpanProxy) else span


def _own_parent(span: otel.Span, attached: bool) -> otel.Span | None:
    """Our current span: an enclosing span of an instrumentor, or else the decorated function's."""
    span = _unwrapped(span)
    recording = current.get()
    if isinstance(span, _SpanProxy) and span.real.is_recording():
        return span
    told = _told.get() if attached else None
    while told is not None and not told.real.is_recording():
        told = told.around
    if told is not None and told.recording is recording:  # else a function was called inside it
        return told
    if recording is None:
        return None
    ids = recording.trace_id, recording.span_id
    sampled = otel.TraceFlags(otel.TraceFlags.SAMPLED)
    return otel.NonRecordingSpan(otel.SpanContext(*ids, is_remote=False, trace_flags=sampled))


def _abandon_open() -> None:
    for shadow in list(_open):
        shadow.abandon()


at_exit.append(_abandon_open)
os.register_at_fork(after_in_child=_open.clear)
