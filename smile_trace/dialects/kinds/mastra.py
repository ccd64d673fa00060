"""Mastra (JavaScript), by its OpenTelemetry exporter and by `@mastra/arize`, which is built on it.

A call is a `model_inference` in a `model_step` in the `model_generation` of an agent. Only the
generation holds messages as they were sent, those of its first step; a later step names what it was
sent beside them (`[tool: …]`), and an agent its tools. Source: @mastra/otel-exporter 1.4,
@mastra/arize 1.3.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects.attributes import (
    first_text,
    read_json,
    read_list,
    read_object,
    read_text,
)
from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai, vercel
from smile_trace.dialects.parts import message_of, read_message
from smile_trace.dialects.provider_json import answered
from smile_trace.records import JSON, Call, Message, Span

_TYPE, _SCOPE = "mastra.span.type", "@mastra/otel-exporter"


class Mastra:
    """A call is a `model_inference`; older releases have none, and others read their spans."""

    name: ClassVar[str] = "mastra"
    marks: ClassVar[tuple[str, ...]] = (_TYPE,)
    content_switches: ClassVar[Mapping[str, str]] = {
        "@mastra/otel-exporter": "leave hideInput and hideOutput out of its tracingOptions"
    }
    precedence: ClassVar[int] = 2
    """It writes the GenAI conventions, or OpenInference's, incompletely."""
    tools_recorded_by: ClassVar[Mapping[str, str]] = {_SCOPE: "Mastra writes their names alone"}

    def recognises(self, span: Span) -> bool:
        return span.attributes.get(_TYPE) == "model_inference"

    def read_call(self, span: Span) -> Call:
        """The call by its span alone; its messages stand on those around it."""
        return self._read(span, ())

    def complete(self, call: Call, span: Span, around: Sequence[Span]) -> Call:
        """The call with what stands on the spans around it."""
        return self._read(span, around)

    def _read(self, span: Span, outer: Sequence[Span]) -> Call:
        a = span.attributes
        around = {str(one.attributes.get(_TYPE)): one.attributes for one in reversed(outer)}
        step, generation = around.get("model_step", a), around.get("model_generation", a)
        content = gen_ai.read(span)
        content.messages = _messages(step, generation)
        output = read_object(step.get("mastra.model_step.output"))
        said = vercel.answer(first_text(output, "text"), output.get("toolCalls"))
        content.answers = said or content.answers
        invoked = {**read_object(generation.get("llm.invocation_parameters"))}
        invoked["max_tokens"] = invoked.pop("max_completion_tokens", None)  # as it was sent
        content.parameters = {**invoked, **content.parameters}
        content.model = content.model or first_text(generation, "llm.model_name")
        content.provider = content.provider or first_text(generation, "llm.provider")
        described = read_object(step.get("metadata")).get("body")
        response = answered(read_json(step.get("mastra.metadata.body", described)))
        content.usage = content.usage or response.usage
        content.finish_reason = response.finish_reason or content.finish_reason
        if read_list(around.get("agent_run", a).get(semconv.TOOL_DEFINITIONS)):
            content.incomplete = "of the tools that it was offered only the names were recorded"
        elif "object" in output:
            content.incomplete = "the schema that its answer was to have was not recorded"
        return call_of(span, self.name, content)


def _messages(step: Mapping[str, JSON], generation: Mapping[str, JSON]) -> list[Message]:
    """The generation's messages, and what a later step was sent beside them: not captured."""
    written = read_object(generation.get("mastra.model_generation.input")).get("messages")
    first = [_message(item) for item in read_list(written or generation.get("input.value"))]
    steps = read_list(step.get("mastra.model_step.input"))
    roles = (read_text(read_object(item).get("role")) for item in steps[len(first) :])
    return [*first, *(message_of(role or "user", []) for role in roles)]


def _message(item: JSON) -> Message:
    if "parts" in read_object(item):
        return read_message(item) or message_of("user", [])
    return vercel.message(item)
