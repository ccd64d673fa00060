"""MLflow's own spans: autologging and `@mlflow.trace`, as its OTLP export writes them.

Every attribute is JSON. `mlflow.spanInputs` and `mlflow.spanOutputs` hold the provider's request
and response, or with `MLFLOW_ENABLE_OTEL_GENAI_SEMCONV` the GenAI conventions, beside the request's
arguments one by one. Source: mlflow 3.17, `tracing/constant.py` and `tracing/export/`.
"""

from typing import ClassVar

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import read_json, read_object, read_text, read_usage
from smile_trace.dialects.call import SpanContent, call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.records import JSON, Call, Span

_TYPE, _INPUTS, _OUTPUTS = "mlflow.spanType", "mlflow.spanInputs", "mlflow.spanOutputs"
_CALLS = ("CHAT_MODEL", "LLM")


class MLflow:
    """A call is a span of the type CHAT_MODEL or LLM, or one of MLflow's in the conventions."""

    name: ClassVar[str] = "mlflow"
    marks: ClassVar[tuple[str, ...]] = (_TYPE, "mlflow.")

    def recognises(self, span: Span) -> bool:
        if _TYPE in span.attributes:
            return read_json(span.attributes[_TYPE]) in _CALLS
        return span.scope.startswith("mlflow.") and gen_ai.GenAI().recognises(span)

    def read_call(self, span: Span) -> Call:
        """The call, by the model that was asked for."""
        a = span.attributes
        if _TYPE not in a:
            return call_of(span, self.name, _in_the_conventions(span))
        request = read_json(a.get(_INPUTS))
        content = provider_json.sent(_alone(request))
        answer = provider_json.answered(read_json(a.get(_OUTPUTS)))
        if answer.form == "completion":
            content.form = answer.form
        content.answers = answer.answers
        invoked = read_object(a.get("invocation_params"))  # LangChain's, beside the messages
        content.parameters = {**invoked, **content.parameters}
        named = read_text(read_json(a.get("model"))) or read_text(invoked.get("model"))
        content.model = content.model or named or read_text(read_json(a.get("mlflow.llm.model")))
        content.provider = read_text(read_json(a.get("mlflow.llm.provider")))
        counted = read_object(a.get("mlflow.chat.tokenUsage"))
        content.usage = answer.usage or read_usage(
            counted.get("input_tokens"), counted.get("output_tokens")
        )
        content.finish_reason, content.response_id = answer.finish_reason, answer.response_id
        metadata = read_object(a.get("mlflow.traceMetadata"))
        content.session = read_text(metadata.get("mlflow.trace.session"))
        content.user = read_text(metadata.get("mlflow.trace.user"))
        return call_of(span, self.name, content)


def _alone(request: JSON) -> JSON:
    """The request of a function with one argument, which `@mlflow.trace` writes under its name."""
    if isinstance(request, dict) and len(request) == 1:
        [(name, value)] = request.items()
        if name not in ("messages", "input", "prompt") and isinstance(value, str | list | dict):
            return value
    return request


def _in_the_conventions(span: Span) -> SpanContent:
    """Add the requested model and parameters such as seeds, which the conventions lack."""
    content = gen_ai.read(span)
    arguments = {
        name: read_json(value) for name, value in span.attributes.items() if "." not in name
    }
    content.model = read_text(arguments.get("model")) or content.model
    content.parameters = {**arguments, **content.parameters}
    prompt = read_text(arguments.get("prompt"))
    if prompt is not None and not content.messages:
        content.messages, content.form = provider_json.messages(prompt), "completion"
    return content
