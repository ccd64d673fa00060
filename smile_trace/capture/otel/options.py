"""What an instrumentor is told besides where its spans go: content, and nothing to others."""

import os
from dataclasses import asdict
from typing import Any

from smile_trace import semconv
from smile_trace.capture.runtime import runtime


def options_for(instrumentor: Any) -> dict[str, Any]:
    """Further arguments for `instrumentor.instrument`; none for one of an unknown family."""
    family = type(instrumentor).__module__.partition(".")[0]
    if family == "openinference":
        return _images()
    if family == "opentelemetry":
        return _no_metrics() | _content()
    return {}


def _images() -> dict[str, Any]:
    """Inline images are kept, of which OpenInference leaves out all above 32,000 characters. What
    the environment says goes first."""
    if "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH" in os.environ:
        return {}
    from openinference.instrumentation import TraceConfig

    return {"config": TraceConfig(base64_image_max_length=runtime().config.text_limit)}


def _no_metrics() -> dict[str, Any]:
    """Metrics and logs go nowhere: in the application's own they would count each call again."""
    from opentelemetry._logs import NoOpLoggerProvider
    from opentelemetry.metrics import NoOpMeterProvider

    return {"meter_provider": NoOpMeterProvider(), "logger_provider": NoOpLoggerProvider()}


def _content() -> dict[str, Any]:
    """Content for OpenTelemetry's own instrumentors, whose switch is a variable of the environment:
    to set it would put prompts into the application's own spans, too."""
    try:
        from opentelemetry.util.genai.utils import gen_ai_json_dumps
    except ImportError:
        return {}

    class ContentOnSpan:
        """OpenTelemetry's `CompletionHook`: it is given the content of every call that ends."""

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
            """Write it on the span, as the conventions say."""
            for name, items in (
                (semconv.INPUT_MESSAGES, inputs),
                (semconv.OUTPUT_MESSAGES, outputs),
                (semconv.SYSTEM_INSTRUCTIONS, system_instruction),
                (semconv.TOOL_DEFINITIONS, tool_definitions),
            ):
                if items and span is not None:
                    span.set_attribute(name, gen_ai_json_dumps([asdict(item) for item in items]))

    return {"completion_hook": ContentOnSpan()}
