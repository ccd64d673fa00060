"""Tracing as the documentation of each instrumentor starts it.

TRACING is the class of an OpenTelemetry instrumentor (`module:Class`, several with a comma between
them), or the name of a function in this file. Where spans and logs are sent stands in
OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def tracing() -> Iterator[None]:
    """What is called inside is traced and sent."""
    named = os.environ["TRACING"]
    end = _instrumented(named.split(",")) if ":" in named else globals()[named]()
    try:
        yield
    finally:
        end()


def _instrumented(classes: list[str]) -> Callable[[], None]:
    end = opentelemetry()
    for one in classes:
        module, _, name = one.partition(":")
        getattr(importlib.import_module(module), name)().instrument()
    return end


def opentelemetry() -> Callable[[], None]:
    """OpenTelemetry's SDK, for frameworks that trace themselves with it."""
    from opentelemetry import _logs, trace
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    spans, logs = TracerProvider(), LoggerProvider()
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    trace.set_tracer_provider(spans)
    _logs.set_logger_provider(logs)

    def end() -> None:
        logs.shutdown()  # before their spans, as they come in a running application
        spans.shutdown()

    return end


def traced(client: Any) -> Any:
    """The client as it is traced: LangSmith wants to wrap it."""
    if os.environ["TRACING"] != "langsmith":
        return client
    from langsmith.wrappers import wrap_anthropic, wrap_openai

    return (wrap_openai if type(client).__name__ == "OpenAI" else wrap_anthropic)(client)


def langsmith() -> Callable[[], None]:
    """LangSmith, which sends by OpenTelemetry where LANGSMITH_OTEL_ENABLED says so."""
    end = opentelemetry()

    def flushed() -> None:
        from langsmith.run_trees import get_cached_client

        get_cached_client().flush()
        end()

    return flushed


def litellm() -> Callable[[], None]:
    """LiteLLM's own callback."""
    import litellm

    end = opentelemetry()
    litellm.callbacks = ["otel"]
    return end


def langfuse() -> Callable[[], None]:
    """Langfuse's SDK; its file for OpenAI's client traces that where it is imported."""
    from langfuse import get_client

    if (client := os.environ.get("TRACED")) is not None:
        importlib.import_module(client)
    return get_client().shutdown


def logfire() -> Callable[[], None]:
    """Logfire: VERSION is that of what it writes."""
    import logfire

    logfire.configure(send_to_logfire=False, console=False)
    instrument = getattr(logfire, f"instrument_{os.environ['TRACED']}")
    version = os.environ.get("VERSION")
    instrument(**({"version": int(version)} if version else {}))
    return lambda: logfire.shutdown()


def mlflow() -> Callable[[], None]:
    """MLflow's autolog, which sends to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. Where the other one is
    set it wants to send metrics, too, by gRPC; without that it drops every span."""
    receiver = os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = receiver + "/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    import mlflow

    getattr(mlflow, os.environ["TRACED"]).autolog()
    return lambda: mlflow.flush_trace_async_logging(terminate=True)


def openlit() -> Callable[[], None]:
    """OpenLIT."""
    import openlit
    from opentelemetry import trace

    openlit.init()
    return lambda: trace.get_tracer_provider().shutdown()


def pydantic_ai() -> Callable[[], None]:
    """What pydantic-ai writes itself, by VERSION."""
    from pydantic_ai import Agent, InstrumentationSettings

    end = opentelemetry()
    version = os.environ.get("VERSION")
    given = {"version": int(version)} if version else {}
    Agent.instrument_all(InstrumentationSettings(**given))
    return end


def openinference_pydantic_ai() -> Callable[[], None]:
    """OpenInference's processor of what pydantic-ai writes."""
    from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from pydantic_ai import Agent

    spans = TracerProvider()
    spans.add_span_processor(OpenInferenceSpanProcessor())
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(spans)
    Agent.instrument_all()
    return spans.shutdown
