"""The content that a dialect finds in a span, and the Call made of it, alike for all dialects."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smile_trace import semconv
from smile_trace.dialects.attributes import (
    NOT_CAPTURED,
    call_fields,
    read_json,
    read_object,
    read_prompts,
    read_status,
)
from smile_trace.dialects.citations import citations_of
from smile_trace.dialects.parameters import sendable
from smile_trace.dialects.parts import (
    answer_of,
    called_tools,
    has_content,
    is_captured,
    reasoning_of,
    why_not_repeatable,
)
from smile_trace.dialects.registry import hint
from smile_trace.dialects.templates import Template, find_prompts
from smile_trace.records import JSON, Call, Form, Message, Span, ToolCall, Usage
from smile_trace.records.message import other_parts

CLIENT_RECORDS = "use OpenTelemetry's or OpenInference's instrumentor of the model's client, too"
"""A value of `tools_recorded_by` and `calls_recorded_by`, of an instrumentor that leaves out the
tools, or every call of a model."""

_SWITCHES = {
    "gen_ai.request.messages": "update Sentry's SDK, which now writes gen_ai.input.messages",
    "sentry.origin": "say recordInputs: true and recordOutputs: true in Sentry's integration "
    "(Python: send_default_pii=True)",
    "az.namespace": "set AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true",
}
"""By an attribute, where the scope is the application's. Sources: sentry-javascript (#18944,
`tracing/openai`), azure-ai-inference (readme)."""


@dataclass
class SpanContent:
    """The content of a span, all of it optional.

    Only the first of `answers` counts. `parameters` have the names of the provider's API;
    `invented` are values that the instrumentor writes for parameters nobody set.
    """

    messages: Sequence[Message] = ()
    answers: Sequence[Message] = ()
    form: Form = "chat"
    model: str | None = None
    provider: str | None = None
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    invented: Mapping[str, JSON] | None = None
    tools: Sequence[JSON] = ()
    usage: Usage | None = None
    finish_reason: str | None = None
    response_id: str | None = None
    template: Template | None = None
    session: str | None = None
    user: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    no_content: str | None = None
    """Why there is no content, if the writer says so."""
    incomplete: str | None = None
    """What of the request was not recorded, if the span shows that."""


def why_unknown_format(content: SpanContent) -> str | None:
    """Why the format of the answer is unknown, where an instrumentor never writes it: JSON that no
    message asks for, by a word or an example, was asked for by a format."""
    answer = content.answers[0] if content.answers else Message(role="assistant")
    asked = any(re.search("json|{", message.content, re.IGNORECASE) for message in content.messages)
    if asked or called_tools(answer) or not read_object(answer.content):
        return None
    return "its answer is JSON that no message asks for, and the format that does was not recorded"


def is_json(call: Call) -> bool:
    """Whether the answer is JSON, as one in a format is."""
    return not call.tool_calls and isinstance(read_json(call.answer), dict | list)


def call_of(span: Span, dialect: str, content: SpanContent) -> Call:
    """The call of a span with this content."""
    messages = tuple(content.messages)
    parameters = sendable(content.parameters, content.invented)
    if "tools" not in parameters and (tools := sendable({"tools": list(content.tools)})):
        parameters |= tools
    answer, no_content = _answer(span, content)
    called = called_tools(content.answers[0]) if content.answers and answer is not None else ()
    not_repeatable = _why_not_repeatable(span, messages, called, parameters) or content.incomplete
    if not messages and semconv.KIND not in span.attributes:  # capture says it in words of its own
        not_repeatable = "its messages were not captured"
    prompts = read_prompts(span, messages)
    if not prompts and content.template is not None:
        prompts = find_prompts(content.template, messages, span.name)
    by_items = content.form == "chat" and isinstance(content.parameters.get("text"), dict)
    first = content.answers[0] if content.answers else None
    fields = call_fields(span)
    return Call.trusted(
        trace_id=span.trace_id,
        span_id=span.span_id,
        name=span.name,
        dialect=dialect,
        form="responses" if by_items else content.form,  # they alone have that parameter
        messages=messages,
        answer=answer,
        reasoning=reasoning_of(first) if first else None,
        tool_calls=called,
        citations=citations_of(first) if first and answer and not called else (),
        status=fields["status"],
        error=fields["error"],
        model=content.model,
        provider=content.provider,
        parameters=parameters,
        usage=content.usage,
        finish_reason=content.finish_reason,
        response_id=content.response_id,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        prompts=prompts,
        documents=(),
        rerun=None,
        rerun_arguments=None,
        session=content.session,
        user=content.user,
        tags=dict(content.tags),
        metadata=dict(content.metadata),
        external_trace=fields["external_trace"],
        truncated=fields["truncated"],
        no_content=no_content,
        not_repeatable=not_repeatable,
        prompt_assumed=False,
        inclusion_probability=1.0,
    )


def _answer(span: Span, content: SpanContent) -> tuple[str | None, str | None]:
    """The first answer's text, or why there is none."""
    first = content.answers[0] if content.answers else None
    if first is None and content.finish_reason == "content_filter":
        return answer_of(Message(role="assistant"), content.finish_reason), content.no_content
    if first is None or not is_captured(first) or _is_off(content, called_tools(first)):
        failed = read_status(span) in ("raised", "cancelled")
        known = failed and any(map(has_content, content.messages))
        return None, content.no_content or (None if known else _not_captured(span))
    if (answer := answer_of(first, content.finish_reason)) is not None:
        return answer, content.no_content
    kinds = [part.kind for part in other_parts((first,))] or ["media"]
    said = f"the answer is no text but {', '.join(dict.fromkeys(kinds))}"
    return None, content.no_content or said


def _not_captured(span: Span) -> str:
    how = how_to_capture(span)
    return NOT_CAPTURED if how is None else f"{NOT_CAPTURED}: {how}"


def how_to_capture(span: Span) -> str | None:
    """How the span's instrumentor is told to write content; None if that is not known."""
    by_attribute = (how for name, how in _SWITCHES.items() if name in span.attributes)
    return next(by_attribute, None) or hint("content_switches", span.scope)


def _is_off(content: SpanContent, calls: Sequence[ToolCall]) -> bool:
    """Whether only the names of the tools were captured, without any content."""
    nothing = not any(map(has_content, content.messages))
    return bool(calls) and nothing and all(call.arguments is None for call in calls)


def with_parameters(call: Call, span: Span, parameters: dict[str, JSON]) -> Call:
    """The call with other parameters."""
    why = _why_not_repeatable(span, call.messages, call.tool_calls, parameters)
    return call.model_copy(update={"parameters": parameters, "not_repeatable": why})


def _why_not_repeatable(
    span: Span,
    messages: Sequence[Message],
    called: Sequence[ToolCall],
    parameters: Mapping[str, JSON],
) -> str | None:
    why = why_not_repeatable(messages, parameters)
    return why or _why_unknown_tools(span, messages, called, parameters)


def _why_unknown_tools(
    span: Span,
    messages: Sequence[Message],
    calls: Sequence[ToolCall],
    parameters: Mapping[str, JSON],
) -> str | None:
    """Why the offered tools are unknown; None if they were recorded, were not called (now, or
    before where the instrumentor leaves them out), or are offered by a function that is called
    again."""
    known = hint("tools_recorded_by", span.scope)
    before = known and any(map(called_tools, messages))
    if not (calls or before) or not parameters.keys().isdisjoint(("tools", "functions")):
        return None
    if span.captured and semconv.RERUN in span.attributes:
        return None
    if semconv.KIND in span.attributes:
        how = "give record() the whole request, or instrument() the client"
    else:
        how = known or "see how its instrumentor is told to write them"
    said = "its answer calls a tool" if calls else "its messages hold a call of a tool"
    return f"{said}, and the tools that it was offered were not recorded: {how}"
