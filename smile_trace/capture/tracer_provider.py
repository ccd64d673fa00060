"""A tracer provider of our own: every span sampled, no limit, our own parentage.

Nothing of it depends on the environment's `OTEL_…` variables, and the application's provider
never learns of it.
"""

import os
import re
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from smile_trace import semconv
from smile_trace.capture.config import Config
from smile_trace.capture.encoding import LineEncoder
from smile_trace.capture.ids import OwnIdGenerator
from smile_trace.capture.internal_errors import fault
from smile_trace.capture.jsonable import binary
from smile_trace.capture.sanitizer import Cleaner

SCOPE = "smile_trace"
"""The instrumentation scope of our own spans."""


class ExportingProcessor(SpanProcessor):
    """Hands each finished span over at once, in the thread that finished it."""

    def __init__(self, export: Callable[[ReadableSpan], None]) -> None:
        self._export = export

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing happens before a span has finished."""

    def on_end(self, span: ReadableSpan) -> None:
        """Exports the span. Never raises."""
        try:
            self._export(span)
        except Exception as error:  # noqa: BLE001  the user's call goes on
            fault("a finished span could not be written", error)

    def shutdown(self) -> None:
        """Nothing is held back, so there is nothing to do."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True


def line_exporter(
    config: Config, write: Callable[[bytes], object], lose: Callable[[str, Exception], None]
) -> Callable[[ReadableSpan], None]:
    """Encodes each finished span and hands the line to `write`.

    Our own spans are clean when they end; those of instrumentations are cleaned here.
    """
    encoder = LineEncoder()

    def export(span: ReadableSpan) -> None:
        try:
            scope = span.instrumentation_scope
            if scope is not None and scope.name == SCOPE:
                line = encoder.line(span)
            else:
                line = _clean_line(encoder, span, Cleaner(config))
        except Exception as error:  # noqa: BLE001  counted as a loss of this record
            lose("a record could not be encoded", error)
            return
        write(line)

    return export


_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=-]+)*;base64,([A-Za-z0-9+/=_\-]{64,})")


def _placeholder(match: re.Match[str]) -> str:
    found = binary(match.group(2).encode(), match.group(1))
    return f"[{found['media_type']}: {found['bytes'] * 3 // 4} bytes, sha256 {found['sha256']}]"


def _clean_line(encoder: LineEncoder, span: ReadableSpan, clean: Cleaner) -> bytes:
    def figures() -> dict[str, int | bool]:
        """What cleaning did, known once everything else is encoded."""
        return {
            **({semconv.REDACTED: clean.redacted} if clean.redacted else {}),
            **({semconv.TRUNCATED: True} if clean.truncated else {}),
        }

    def text(value: str) -> str:
        if ";base64," in value:
            value = _DATA_URL.sub(_placeholder, value)
        return clean.text(value)

    return encoder.line(span, text, figures)


def make_resource(config: Config) -> Resource:
    """What stands on every span of this process."""
    # Not Resource.create(): its detectors start threads and read the environment.
    return Resource({"service.name": config.service_name, "process.pid": os.getpid()})


def make_provider(resource: Resource, export: Callable[[ReadableSpan], None]) -> TracerProvider:
    """The provider that instrumentations are given."""
    unset = SpanLimits.UNSET
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=resource,
        shutdown_on_exit=False,
        id_generator=OwnIdGenerator(),
        span_limits=SpanLimits(
            max_attributes=unset,
            max_events=unset,
            max_links=unset,
            max_span_attributes=unset,
            max_event_attributes=unset,
            max_link_attributes=unset,
            max_attribute_length=unset,
            max_span_attribute_length=unset,
        ),
    )
    # OTEL_SDK_DISABLED is about the application's telemetry, not about this record.
    provider._disabled = False
    provider.add_span_processor(ExportingProcessor(export))
    return provider
