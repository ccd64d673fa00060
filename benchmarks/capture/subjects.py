"""The subjects: each gives a decorated function that takes a prompt and returns an answer.

Runs in a process of its own, in the environment that has the subject installed; imports
nothing of ours except where smile-trace is the subject.
"""

import json
import os
from collections.abc import Callable
from typing import Any

ANSWER = "An answer of about one hundred characters, as a model gives it to a short question. " * 1
Ask = Callable[[str], str]


def bare() -> Ask:
    """Nothing around the function."""

    def ask(prompt: str) -> str:
        return ANSWER

    return ask


def opentelemetry() -> Ask:
    """The SDK's batch processor with the same gen_ai attributes, to an exporter that drops."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Drop(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    tracer = provider.get_tracer("bench")

    def message(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    def ask(prompt: str) -> str:
        with tracer.start_as_current_span("chat m") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "p")
            span.set_attribute("gen_ai.request.model", "m")
            span.set_attribute("gen_ai.input.messages", message("user", prompt))
            span.set_attribute("gen_ai.output.messages", message("assistant", ANSWER))
            return ANSWER

    return ask


def smile_trace() -> Ask:
    """Ours, to the spool."""
    import smile_trace

    return smile_trace.trace(model="m", provider="p")(bare())


def smile_trace_off() -> Ask:
    """Ours, switched off."""
    import smile_trace

    smile_trace.configure(enabled=False)
    return smile_trace.trace(model="m", provider="p")(bare())


def mlflow() -> Ask:
    """MLflow, asynchronous logging to SQLite."""
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "true"
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{os.environ['BENCH_HOME']}/mlflow.db")
    mlflow.set_experiment("bench")
    return mlflow.trace(bare())


def opik() -> Ask:
    """Opik, to an address where nobody answers (its calls are queued)."""
    os.environ.update(
        OPIK_URL_OVERRIDE="http://127.0.0.1:9/api", OPIK_CONSOLE_LOGGING_LEVEL="CRITICAL"
    )
    import opik

    return opik.track(bare())


SUBJECTS: dict[str, Callable[[], Ask]] = {
    "bare": bare,
    "opentelemetry": opentelemetry,
    "smile-trace": smile_trace,
    "smile-trace off": smile_trace_off,
    "mlflow": mlflow,
    "opik": opik,
}
