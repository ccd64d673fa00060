"""The tracer provider of capture: every span sampled, no limits, parents of its own, and
independent of the environment's `OTEL_…` variables and of the application's provider."""

import re
from collections.abc import Callable, Mapping

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from smile_trace import semconv
from smile_trace._guards.internal_errors import keep_inside, report_error
from smile_trace._guards.jsonable import binary
from smile_trace.capture.config import Config
from smile_trace.capture.line_encoding import LineEncoder
from smile_trace.capture.runtime import new_span_id, new_trace_id
from smile_trace.capture.sanitizer import Sanitizer


class OwnIdGenerator(IdGenerator):
    """Our own ids."""

    def generate_span_id(self) -> int:
        """A non-zero 64-bit id."""
        return new_span_id()

    def generate_trace_id(self) -> int:
        """A non-zero 128-bit id."""
        return new_trace_id()


class ExportingProcessor(SpanProcessor):
    """Exports each finished span at once, in the thread that finished it."""

    def __init__(self, export: Callable[[ReadableSpan], None]) -> None:
        self._export = export

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing before a span has finished."""

    def on_end(self, span: ReadableSpan) -> None:
        """Export the span. Never raises."""
        try:
            self._export(span)
        except BaseException as error:  # noqa: BLE001  the user's call goes on
            keep_inside(error)
            report_error("a finished span could not be written", error)

    def shutdown(self) -> None:
        """Do nothing: no span is held back."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do nothing: no span is held back."""
        return True


def line_exporter(
    config: Config, write: Callable[[bytes], object], lose: Callable[[str, BaseException], None]
) -> Callable[[ReadableSpan], None]:
    """Encode each finished span, sanitized, and write it."""
    encoder = LineEncoder(lambda text: Sanitizer(config).text(text))

    def export(span: ReadableSpan) -> None:
        try:
            line = _sanitized_line(encoder, span, Sanitizer(config), config.text_limit)
        except BaseException as error:  # noqa: BLE001  counted as a loss of this record
            keep_inside(error)
            lose("a record could not be encoded", error)
            return
        write(line)

    return export


_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=-]+)*;base64,([A-Za-z0-9+/=_\-]{64,})")


def _placeholder(match: re.Match[str]) -> str:
    data = binary(match.group(2).encode(), match.group(1))
    return f"[{data['media_type']}: {data['bytes'] * 3 // 4} bytes, sha256 {data['sha256']}]"


def _sanitized_line(
    encoder: LineEncoder, span: ReadableSpan, sanitizer: Sanitizer, limit: int
) -> bytes:
    def figures() -> dict[str, int | bool]:
        return {
            **({semconv.REDACTED: sanitizer.redacted} if sanitizer.redacted else {}),
            **({semconv.TRUNCATED: True} if sanitizer.truncated else {}),
        }

    def text(value: str) -> str:
        if len(value) > limit and ";base64," in value:
            value = _DATA_URL.sub(_placeholder, value)
        return sanitizer.text(value)

    return encoder.line(span, text, figures)


def make_provider(
    attributes: Mapping[str, str | int], export: Callable[[ReadableSpan], None]
) -> TracerProvider:
    """The provider for instrumentations; the attributes are those of its resource."""
    unset = SpanLimits.UNSET
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        # Not Resource.create(): its detectors start threads and read the environment.
        resource=Resource(attributes),
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
