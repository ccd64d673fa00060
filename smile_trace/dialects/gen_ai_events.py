"""The events of the GenAI conventions that hold content: of the span itself, or logs about it.

`gen_ai.client.inference.operation.details` has the attributes of the span. Up to version 1.36
there was an event per message (`gen_ai.user.message`, …, `gen_ai.choice`), and up to 1.27 one for
the prompt and one for the completion.
"""

from collections.abc import Iterator, Mapping

from smile_trace.dialects import provider_json
from smile_trace.dialects.attributes import read_json, read_list, read_object
from smile_trace.dialects.logs import CHOICE
from smile_trace.dialects.parts import called_tools
from smile_trace.records import JSON, Message, Span

_DETAILS = "gen_ai.client.inference.operation.details"
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
IN_ATTRIBUTE = "events"
"""Where pydantic-ai's and logfire's version 1 write them: a JSON list."""
_PROMPT, _COMPLETION = "gen_ai.content.prompt", "gen_ai.content.completion"


def are_in(span: Span) -> bool:
    """Whether the span has events with messages."""
    return any(event.get("name") in (*_ROLES, _PROMPT, _DETAILS) for event in span.events)


def with_attribute(span: Span) -> Span:
    """The span with the events that its attribute lists."""
    listed = map(read_object, read_list(span.attributes.get(IN_ATTRIBUTE)))
    events = tuple({"name": raw.get("event.name"), "body": raw} for raw in listed)
    return span.model_copy(update={"events": events})


def with_details(span: Span) -> dict[str, JSON]:
    """The span's attributes, with those of its event of details where it has none itself."""
    found: dict[str, JSON] = {}
    for event in span.events:
        if event.get("name") == _DETAILS:
            found |= read_object(event.get("attributes"))
    return found | span.attributes if found else span.attributes


def read(span: Span) -> tuple[list[Message], list[Message]]:
    """The messages that were sent, and the choices, of the events per message."""
    sent: list[Message] = []
    choices: list[Message] = []
    called: list[str | None] = []
    for name, body in _bodies(span):
        if name in _ROLES:
            if _ROLES[name] == "tool" and body.get("id") is None and called:
                body = {**body, "id": called.pop(0)}  # Traceloop's, in the order of the calls
            sent.append(_message(_ROLES[name], body))
            called += [call.id for call in called_tools(sent[-1])]
        elif name == CHOICE:
            said = read_object(body.get("message"))
            calls = said.get("tool_calls") or body.get("tool_calls")
            choices.append(_message("assistant", {**said, "tool_calls": calls}))
        elif name == _PROMPT:
            sent += provider_json.messages(read_json(body.get("gen_ai.prompt")))
        elif name == _COMPLETION:
            choices += provider_json.messages(read_json(body.get("gen_ai.completion")))
    return sent, choices


def _bodies(span: Span) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Each event with what it holds: the body of a log, or the attributes of a span's event."""
    for event in span.events:
        attributes = read_object(event.get("attributes"))
        body = read_object(event.get("body")) or read_object(attributes.get("gen_ai.event.content"))
        yield str(event.get("name")), body or attributes


def _message(role: str, body: Mapping[str, JSON]) -> Message:
    said = body.get("role")
    return provider_json.chat_message(
        role=said if isinstance(said, str) else role,
        content=body.get("content"),
        tool_call_id=body.get("id"),
        tool_calls=body.get("tool_calls"),
    )
