"""The GenAI conventions of OpenTelemetry: plain, and as capture writes them (with ours beside).

Content is in the span's attributes, or in events, which may come as logs:
`gen_ai.client.inference.operation.details` has attributes of the span, up to version 1.36 there was
an event per message (`gen_ai.user.message`, …, `gen_ai.choice`), up to 1.27 one for the prompt and
one for the completion. Source: OpenTelemetry semantic conventions, "GenAI client spans" and its
JSON schemas of `gen_ai.input.messages` and `gen_ai.output.messages`.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from smile_trace import semconv
from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import (
    first_text,
    read_json,
    read_list,
    read_object,
    read_text,
    read_usage,
)
from smile_trace.dialects.call import CLIENT_RECORDS, SpanContent, call_of, with_parameters
from smile_trace.dialects.parts import called_tools, read_message
from smile_trace.dialects.templates import Template, texts_of
from smile_trace.records import JSON, Call, Form, Message, Span, Usage

_DETAILS = "gen_ai.client.inference.operation.details"
ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
"""Roles by the names of the events with their messages."""
IN_ATTRIBUTE = "events"
"""The attribute for events in version 1 of pydantic-ai and logfire: a JSON list."""
_PROMPT, _COMPLETION = "gen_ai.content.prompt", "gen_ai.content.completion"


def are_in(span: Span) -> bool:
    """Whether the span has events with messages."""
    return any(event.get("name") in (*ROLES, _PROMPT, _DETAILS) for event in span.events)


def with_attribute(span: Span) -> Span:
    """The span with the events that its attribute lists."""
    listed = map(read_object, read_list(span.attributes.get(IN_ATTRIBUTE)))
    events = tuple({"name": raw.get("event.name"), "body": raw} for raw in listed)
    return span.model_copy(update={"events": events})


def with_details(span: Span) -> dict[str, JSON]:
    """The span's attributes, completed by those of its event of details."""
    details: dict[str, JSON] = {}
    for event in span.events:
        if event.get("name") == _DETAILS:
            details |= read_object(event.get("attributes"))
    return details | span.attributes if details else span.attributes


def read_events(span: Span) -> tuple[list[Message], list[Message]]:
    """The messages that were sent, and the choices, from the events per message."""
    sent: list[Message] = []
    choices: list[Message] = []
    called: list[str | None] = []
    for name, body in _bodies(span):
        if name in ROLES:
            if ROLES[name] == "tool" and body.get("id") is None and called:
                body = {**body, "id": called.pop(0)}  # Traceloop's, in the order of the calls
            sent.append(_event_message(ROLES[name], body))
            called += [call.id for call in called_tools(sent[-1])]
        elif name == semconv.CHOICE_EVENT:
            said = read_object(body.get("message"))
            calls = said.get("tool_calls") or body.get("tool_calls")
            choices.append(_event_message("assistant", {**said, "tool_calls": calls}))
        elif name == _PROMPT:
            sent += provider_json.messages(read_json(body.get("gen_ai.prompt")))
        elif name == _COMPLETION:
            choices += provider_json.messages(read_json(body.get("gen_ai.completion")))
    return sent, choices


def _bodies(span: Span) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Each event's name and content: the body of a log, or the attributes of a span's event."""
    for event in span.events:
        attributes = read_object(event.get("attributes"))
        body = read_object(event.get("body")) or read_object(attributes.get("gen_ai.event.content"))
        yield str(event.get("name")), body or attributes


def _event_message(role: str, body: Mapping[str, JSON]) -> Message:
    said = body.get("role")
    return provider_json.chat_message(
        role=said if isinstance(said, str) else role,
        content=body.get("content"),
        tool_call_id=body.get("id"),
        tool_calls=body.get("tool_calls"),
    )


_OPERATIONS = (
    *("chat", "text_completion", "generate_content"),
    *("chat.completions", "text.completions"),  # Semantic Kernel's, up to 1.67
)
_PARAMETERS = {
    semconv.REQUEST_TEMPERATURE: "temperature",
    semconv.REQUEST_TOP_P: "top_p",
    semconv.REQUEST_MAX_TOKENS: "max_tokens",
    semconv.REQUEST_SEED: "seed",
    semconv.REQUEST_STOP_SEQUENCES: "stop",
    semconv.REQUEST_PREFIX + "frequency_penalty": "frequency_penalty",
    semconv.REQUEST_PREFIX + "presence_penalty": "presence_penalty",
    semconv.REQUEST_PREFIX + "top_k": "top_k",
    semconv.REQUEST_PREFIX + "choice.count": "n",
    semconv.REQUEST_PREFIX + "previous_response.id": "previous_response_id",
}
_MODELS = (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL)
_VARIABLE = "gen_ai.prompt.variable."
TRACES_ITSELF = "com.anthropic.sdk.python"
"""The scope of Anthropic's client, whose spans never hold content: an instrumentor's span of the
same call is around one, beside it, or in another trace."""

_CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_RECORDS_TOOLS = "opentelemetry-instrumentation-genai-openai records them"


class GenAI:
    """A call is an operation that asks a model, or has input messages and no operation."""

    name: ClassVar[str] = "gen_ai"
    precedence: ClassVar[int] = -1
    """Other dialects read the conventions in a way of their own."""
    content_switches: ClassVar[Mapping[str, str]] = {
        "opentelemetry.instrumentation.genai": f"set {_CAPTURE_CONTENT}=SPAN_ONLY",
        "opentelemetry.util.genai": f"set {_CAPTURE_CONTENT}=SPAN_ONLY",
        **dict.fromkeys(
            ("Microsoft.SemanticKernel", "semantic_kernel"),
            "set SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
        ),
        "Experimental.Microsoft": f"set {_CAPTURE_CONTENT}=true",
        "org.springframework.boot": (
            "Spring AI and LangChain4j write none: add OpenInference's instrumentor "
            "(com.arize:openinference-instrumentation-springAI, -langchain4j)"
        ),
        **dict.fromkeys(
            (
                "opentelemetry.instrumentation.openai_v2",
                "opentelemetry.instrumentation.google_genai",
                "opentelemetry.instrumentation.botocore",
                "@opentelemetry/instrumentation-",  # JavaScript's, types.ts of each
                "io.opentelemetry",  # the Java agent's
            ),
            f"set {_CAPTURE_CONTENT}=true, and export its logs, too",
        ),
        "agent_framework": "set ENABLE_SENSITIVE_DATA=true",
    }
    tools_recorded_by: ClassVar[Mapping[str, str]] = {
        "opentelemetry.instrumentation.openai_v2": _RECORDS_TOOLS,
        "opentelemetry.util.genai": _RECORDS_TOOLS,
        "Microsoft.SemanticKernel": "UseOpenTelemetry() of its IChatClient records them",
    }
    calls_recorded_by: ClassVar[Mapping[str, str]] = {
        "opentelemetry.instrumentation.genai.openai_agents": CLIENT_RECORDS,
        "opentelemetry.instrumentation.genai.llama_index": CLIENT_RECORDS,
        "autogen-core": CLIENT_RECORDS,
        TRACES_ITSELF: 'say smile_trace.instrument("anthropic"), or use an instrumentor of it',
    }

    def recognises(self, span: Span) -> bool:
        """Whether the span is a call; agents and workflows have messages, but are context."""
        a = span.attributes
        operation = a.get(semconv.OPERATION_NAME)
        if span.scope == TRACES_ITSELF:
            return False
        if a.get(semconv.KIND) == "call":
            return True
        if operation is None:
            return semconv.INPUT_MESSAGES in a or are_in(span)
        return operation in _OPERATIONS and (
            semconv.INPUT_MESSAGES in a or any(name in a for name in _MODELS)
        )

    def read_call(self, span: Span) -> Call:
        """The call, with what only capture writes."""
        a = span.attributes
        call = call_of(span, self.name, read(span))
        if own := read_object(a.get(semconv.PARAMETERS)):
            call = with_parameters(call, span, call.parameters | own)
        update: dict[str, JSON] = {}
        if semconv.PROMPT_ASSUMED in a:
            update["prompt_assumed"] = a[semconv.PROMPT_ASSUMED] is True
        if span.captured and semconv.RERUN in a:
            update["rerun"] = read_text(a[semconv.RERUN])
            update["rerun_arguments"] = read_object(a.get(semconv.RERUN_ARGUMENTS)) or None
        return call.model_copy(update=update) if update else call


def read(span: Span) -> SpanContent:
    """The content of the span by these conventions."""
    a = with_details(span)
    messages = _messages(a)
    answers = _listed(a.get(semconv.OUTPUT_MESSAGES))
    if not messages and not answers:
        messages, answers = read_events(span)
    reasons = read_list(a.get(semconv.RESPONSE_FINISH_REASONS))
    as_json = "its answer had to be JSON, in a form that was not recorded"
    return SpanContent(
        messages=messages,
        answers=answers,
        form=_form(a),
        model=first_text(a, *_MODELS),
        provider=first_text(a, semconv.PROVIDER_NAME, "gen_ai.system"),
        parameters={name: a[key] for key, name in _PARAMETERS.items() if key in a},
        tools=read_list(a.get(semconv.TOOL_DEFINITIONS)),
        usage=usage(a),
        finish_reason=read_text(next(iter(reasons), None)),
        response_id=read_text(a.get(semconv.RESPONSE_ID)),
        template=_template(a),
        session=first_text(a, semconv.CONVERSATION_ID, semconv.SESSION_ID),
        user=first_text(a, semconv.USER_ID, "gen_ai.user"),
        tags={k: str(v) for k, v in read_object(a.get(semconv.TAGS)).items()},
        metadata=read_object(a.get(semconv.METADATA)),
        no_content=read_text(a.get(semconv.NO_CONTENT)),
        incomplete=as_json if a.get("gen_ai.output.type") == "json" else None,
    )


def is_of_responses(a: Mapping[str, JSON]) -> bool:
    """Whether OpenAI's Responses API was asked: said so, or by the id of what it gave."""
    answered = read_text(a.get(semconv.RESPONSE_ID)) or ""
    return a.get(semconv.OPENAI_API_TYPE) == semconv.RESPONSES or answered.startswith("resp_")


def _form(a: Mapping[str, JSON]) -> Form:
    if is_of_responses(a):
        return "responses"
    return "completion" if a.get(semconv.OPERATION_NAME) == "text_completion" else "chat"


def usage(attributes: Mapping[str, JSON]) -> Usage | None:
    """Token counts under their present name or that of version 1.26."""
    a = attributes
    return read_usage(
        a.get(semconv.USAGE_INPUT_TOKENS, a.get("gen_ai.usage.prompt_tokens")),
        a.get(semconv.USAGE_OUTPUT_TOKENS, a.get("gen_ai.usage.completion_tokens")),
    )


def _messages(a: Mapping[str, JSON]) -> list[Message]:
    """The instructions and the messages; some writers repeat the instructions in the messages."""
    messages = _listed(a.get(semconv.INPUT_MESSAGES))
    written = a.get(semconv.SYSTEM_INSTRUCTIONS)
    parts = read_list(written)
    if not parts and isinstance(written, str) and written and written[0] not in "[{":
        parts = [{"type": "text", "content": written}]
    system = read_message({"role": "system", "parts": parts}) if parts else None
    return messages if system is None or system in messages[:1] else [system, *messages]


def _listed(value: JSON) -> list[Message]:
    """The messages of a list; without parts, they are those of a provider's client."""
    items = read_list(value)
    if any("parts" in read_object(item) for item in items):
        return [message for item in items if (message := read_message(item))]
    return provider_json.messages(items)


def _template(a: Mapping[str, JSON]) -> Template | None:
    variables = {k.removeprefix(_VARIABLE): v for k, v in a.items() if k.startswith(_VARIABLE)}
    name = read_text(a.get(semconv.PROMPT_NAME))
    if name is None and not variables:
        return None
    version = read_text(a.get(semconv.PROMPT_VERSION))
    return Template(name, version, variables=texts_of(variables))
