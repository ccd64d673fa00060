"""`span_processor`: our spool on a TracerProvider of your own."""

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from smile_trace.capture.runtime import active, runtime
from smile_trace.capture.tracer_provider import ExportingProcessor


def span_processor() -> SpanProcessor:
    """A processor for a TracerProvider of your own: its finished spans go to our spool, too.

    They are kept as they are, secrets replaced and texts bounded. What that provider's sampler
    leaves out never gets here.
    """

    def export(span: ReadableSpan) -> None:
        if active():
            runtime().export(span)

    return ExportingProcessor(export)
