"""LangSmith by OpenTelemetry (`LANGSMITH_OTEL_ENABLED`): the whole request and response as JSON.
Source: langsmith 0.15, `_internal/otel/_otel_exporter.py`."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import exception_message, read_json, read_object, read_usage
from smile_trace.dialects.call import call_of, why_unknown_format
from smile_trace.dialects.kinds import gen_ai
from smile_trace.records import Call, Span

_KIND, _METADATA = "langsmith.span.kind", "langsmith.metadata."
_PACKAGE = "@langchain/core"
"""Of LangChain.js, of whose calls no `response_format` is written."""


class LangSmith:
    """A call is a run of the kind llm."""

    name: ClassVar[str] = "langsmith"
    marks: ClassVar[tuple[str, ...]] = (_KIND,)
    content_switches: ClassVar[Mapping[str, str]] = {
        "langsmith": "unset LANGSMITH_HIDE_INPUTS and LANGSMITH_HIDE_OUTPUTS"
    }

    def recognises(self, span: Span) -> bool:
        """Whether the span is a run of the kind llm; prompts are chats by their attributes."""
        return span.attributes.get(_KIND) == "llm"

    def read_call(self, span: Span) -> Call:
        a = span.attributes
        content = gen_ai.read(span)
        request = provider_json.sent(read_json(a.get("gen_ai.prompt")))
        answer = provider_json.answered(read_json(a.get("gen_ai.completion")))
        content.messages, content.answers = request.messages, answer.answers
        content.form = answer.form if answer.form == "completion" else request.form
        own = {k.removeprefix(_METADATA): v for k, v in a.items() if k.startswith(_METADATA)}
        if in_javascript := _PACKAGE in str(own.get("versions")):  # which writes all as texts
            own |= {k: read for k, v in own.items() if (read := read_json(v)) is not None}
        content.parameters = {**own, **request.parameters}
        content.finish_reason = content.finish_reason or answer.finish_reason
        counted = read_object(own.get("usage_metadata"))
        content.usage = (
            content.usage
            or answer.usage
            or read_usage(counted.get("input_tokens"), counted.get("output_tokens"))
        )
        if in_javascript:
            content.incomplete = why_unknown_format(content)
        if not content.answers and exception_message(span):  # its status stays "ok"
            span = span.model_copy(update={"status": "error"})
        return call_of(span, self.name, content)
