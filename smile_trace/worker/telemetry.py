"""Traces of the worker's own work, sent by OpenTelemetry if the settings say so."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NoOpTracer,
    Span,
    SpanContext,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from smile_trace import semconv
from smile_trace._text.log_context import log_fields
from smile_trace.errors import needing_extra
from smile_trace.semconv import release
from smile_trace.settings import Settings

SERVICE = "smile-trace-worker"
PATH = "v1/traces"
FLUSH_SECONDS = 3.0
"""How long the end of the worker waits for the last spans to be taken."""

_tracer: Tracer = NoOpTracer()
_around: ContextVar[Span | None] = ContextVar("own_span", default=None)


@contextmanager
def tracing(settings: Settings) -> Iterator[None]:
    """Trace this process's work inside the context, if there is an endpoint. Spans that are not
    taken in time are dropped: the work never waits. Raises ExtraMissing without the exporter."""
    global _tracer
    endpoint = settings.worker.otlp_endpoint
    if endpoint is None:
        yield
        return
    with needing_extra("tracing", "worker.otlp_endpoint"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    worker = {
        SERVICE_NAME: SERVICE,
        SERVICE_VERSION: release() or "",
        SERVICE_INSTANCE_ID: f"{socket.gethostname()}:{os.getpid()}",
    }
    provider = TracerProvider(resource=Resource.create(worker), shutdown_on_exit=False)
    to = f"{endpoint.rstrip('/').removesuffix(f'/{PATH}')}/{PATH}"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(to)))
    _tracer = provider.get_tracer("smile_trace")
    try:
        yield
    finally:
        _tracer = NoOpTracer()
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)


@contextmanager
def traced(name: str, **attributes: str | int) -> Iterator[None]:
    """A span of the worker's own work, inside the surrounding one; free if no worker is traced. Its
    `attributes` come beside the fields of log lines (`log_context`)."""
    parent = _around.get()
    fields = {**log_fields(), **attributes}
    started = _tracer.start_span(
        name,
        Context() if parent is None else set_span_in_context(parent, Context()),
        attributes={semconv.KIND: semconv.WORK, **_named(fields)},
        links=[] if parent is not None else _links(fields),
    )
    token = _around.set(started)
    try:
        yield
    except BaseException as error:
        started.set_attribute(semconv.ERROR_TYPE, type(error).__name__)
        started.set_status(StatusCode.ERROR)
        raise
    finally:
        _around.reset(token)
        started.end()


def describe(**attributes: str | int) -> None:
    """Add late attributes to the surrounding span."""
    around = _around.get()
    if around is not None:
        around.set_attributes(_named(attributes))


def _named(fields: dict[str, str | int]) -> dict[str, str | int]:
    return {f"smile_trace.{name}": value for name, value in fields.items()}


def _links(fields: dict[str, str | int]) -> list[Link]:
    """A link to the call that the work is about, if its ids are OpenTelemetry's."""
    trace_id, _, span_id = str(fields.get("call_id", "")).partition(":")
    with suppress(ValueError):
        context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True)
        return [Link(context)] if context.is_valid else []
    return []
