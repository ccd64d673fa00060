"""Capture of other libraries' calls, by `instrument` or by a `span_processor`."""

import os
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from smile_trace import semconv
from smile_trace.capture.nested_spans import NestedProvider
from smile_trace.capture.runtime import active, runtime
from smile_trace.capture.tracer_provider import ExportingProcessor
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_BY_CALLBACKS = "openinference.instrumentation.langchain"
"""An instrumentor that works by callbacks and therefore cannot make its spans current."""
_instrumented: set[type] = set()


class CannotInstrument(SmileTraceError):
    """The instrumentor is missing or unusable; the message says what to install."""


def instrument(client: Any) -> None:
    """Capture every call of a client as it is really sent, streams and tools included.

    The calls are children of the decorated function that makes them, or traces of their own.
    Repeated calls have no effect.

    Args:
        client: `"openai"` (extra `instrument`), the name of any other installed package
            `openinference.instrumentation.<name>`, or an instrumentor of OpenTelemetry's kind (an
            object with `instrument(tracer_provider=…)`).

    Raises:
        CannotInstrument: there is no instrumentor of that name.
    """
    instrumentor = _find(client) if isinstance(client, str) else client
    if type(instrumentor) in _instrumented:
        return
    by_callbacks = type(instrumentor).__module__.startswith(_BY_CALLBACKS)
    provider = NestedProvider(attached=not by_callbacks)
    instrumentor.instrument(tracer_provider=provider, **_options_for(instrumentor))
    if by_callbacks:
        _call_in_place(instrumentor)
    _instrumented.add(type(instrumentor))


def _call_in_place(instrumentor: Any) -> None:
    """Let LangChain call the handler in the call's context, where a client's spans belong."""
    handler: Any = getattr(instrumentor, "_tracer", None)
    if hasattr(handler, "run_inline"):
        handler.run_inline = True


def instrument_with(distribution: "Distribution") -> None:
    """Capture a library by an installed instrumentor; raises CannotInstrument if it is unfit."""
    entry_points = distribution.entry_points.select(group="opentelemetry_instrumentor")
    for entry_point in entry_points:
        instrumentor = _own(entry_point.load())
        instrument(instrumentor)
        if not getattr(instrumentor, "is_instrumented_by_opentelemetry", True):
            wanted = ", ".join(instrumentor.instrumentation_dependencies())
            raise CannotInstrument(f"{distribution.name} {distribution.version} wants {wanted}")
    if not entry_points:
        raise CannotInstrument(f"{distribution.name} {distribution.version} has no instrumentor")


def _own(instrumentor: type) -> Any:
    """Make a new instance, because the application may use the singleton for its own tracing."""
    made: Any = object.__new__(instrumentor)
    made.__init__()
    return made


def _find(name: str) -> Any:
    package = f"openinference-instrumentation-{name.replace('_', '-')}"
    try:
        module = import_module(f"openinference.instrumentation.{name}")
        instrumentor = next(
            kind
            for key, kind in vars(module).items()
            if key.endswith("Instrumentor") and key != "BaseInstrumentor"
        )
    except (ImportError, StopIteration):
        if name == "openai":
            what = "install its instrumentor with `pip install 'smile-trace[instrument]'`"
        else:
            what = f"see whether its name is right; its instrumentor is `pip install {package}`"
        raise CannotInstrument(f"{name!r} cannot be instrumented: {what}") from None
    return _own(instrumentor)


def span_processor() -> SpanProcessor:
    """A processor for your own TracerProvider: its finished spans are written to our spool, too.

    They are written unchanged, except that secrets are replaced and texts truncated. Spans that the
    provider's sampler drops do not arrive here.
    """

    def export(span: ReadableSpan) -> None:
        if active():
            runtime().export(span)

    return ExportingProcessor(export)


def _options_for(instrumentor: Any) -> dict[str, Any]:
    """Further arguments for `instrumentor.instrument`; none for an unknown family."""
    family = type(instrumentor).__module__.partition(".")[0]
    if family == "openinference":
        return _images()
    if family == "opentelemetry":
        return _no_metrics() | _content()
    return {}


def _images() -> dict[str, Any]:
    """Keep inline images: by default OpenInference drops those above 32,000 characters."""
    if "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH" in os.environ:
        return {}
    from openinference.instrumentation import TraceConfig

    return {"config": TraceConfig(base64_image_max_length=runtime().config.text_limit)}


def _no_metrics() -> dict[str, Any]:
    """Discard metrics and logs: in the application's own they would count each call again."""
    from opentelemetry._logs import NoOpLoggerProvider
    from opentelemetry.metrics import NoOpMeterProvider

    return {"meter_provider": NoOpMeterProvider(), "logger_provider": NoOpLoggerProvider()}


def _content() -> dict[str, Any]:
    """Capture content by a hook: OpenTelemetry's variable would affect the application's spans."""
    try:
        from opentelemetry.util.genai.utils import gen_ai_json_dumps
    except ImportError:
        return {}

    class ContentOnSpan:
        """OpenTelemetry's `CompletionHook`, called with the content of every call that ends."""

        def on_completion(
            self,
            *,
            inputs: list[Any],
            outputs: list[Any],
            system_instruction: list[Any],
            tool_definitions: list[Any] | None = None,
            span: Any = None,
            **_: Any,
        ) -> None:
            """Write the content on the span, as the conventions say."""
            for name, items in (
                (semconv.INPUT_MESSAGES, inputs),
                (semconv.OUTPUT_MESSAGES, outputs),
                (semconv.SYSTEM_INSTRUCTIONS, system_instruction),
                (semconv.TOOL_DEFINITIONS, tool_definitions),
            ):
                if items and span is not None:
                    span.set_attribute(name, gen_ai_json_dumps([asdict(item) for item in items]))

    return {"completion_hook": ContentOnSpan()}
