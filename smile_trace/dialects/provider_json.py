"""Requests and responses of providers' clients as JSON, read by `smile_trace.providers`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from smile_trace import semconv
from smile_trace.dialects.attributes import read_list, read_object, read_text, read_usage
from smile_trace.dialects.call import SpanContent
from smile_trace.dialects.parts import message_of, read_message
from smile_trace.providers import Answer, SentRequest, read_messages, read_request
from smile_trace.providers.base import first_read, text_message
from smile_trace.records import JSON, Form, Message

Result = TypeVar("Result")
_REPEATED = (
    *("temperature", "top_p", "tool_choice", "parallel_tool_calls", "text", "reasoning"),
    *("max_output_tokens", "max_tool_calls", "truncation"),
    *("previous_response_id", "conversation", "prompt"),
)
_DEFAULTS: Mapping[str, JSON] = {
    "temperature": 1,
    "top_p": 1,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "truncation": "disabled",
    "text": {"format": {"type": "text"}},
}
"""What a response says where nothing was asked."""


def sent(request: JSON) -> SpanContent:
    """Read a whole request, a list of messages, or a text."""
    if isinstance(request, dict):
        read = _inside(read_request, request) or SentRequest()
        return SpanContent(
            messages=messages_of(read.messages),
            form=_form(read),
            model=read_text(request.get("model")),
            parameters=request | read_object(request.get("extra_body")),
        )
    return SpanContent(messages=messages_of(_inside(read_messages, request)))


def messages(value: JSON) -> list[Message]:
    """The messages of a list, or of one message or text."""
    return messages_of(_inside(read_messages, value))


def _form(read: SentRequest) -> Form:
    if read.attributes.get(semconv.OPENAI_API_TYPE) == semconv.RESPONSES:
        return "responses"
    return "completion" if read.form == "text_completion" else "chat"


def chat_message(*, role: str, content: JSON, tool_call_id: JSON, tool_calls: JSON) -> Message:
    """The message of these fields of the chat API; without content it was not captured."""
    raw = {"role": role, "content": content, "tool_call_id": tool_call_id}
    if isinstance(tool_calls, list) and tool_calls:
        raw["tool_calls"] = tool_calls
    elif content is None:
        return message_of(role, [])
    found = messages([raw])
    return found[0] if found else message_of(role, [])


def answered(response: JSON) -> SpanContent:
    """Read a whole response, a message or list of messages, or a text."""
    if isinstance(response, str):
        return SpanContent(answers=messages_of([text_message("assistant", response)]))
    answer = _inside(_read_response, response)
    if answer is None:
        return SpanContent()
    return SpanContent(
        answers=messages_of(answer.messages),
        form="completion" if answer.form == "text_completion" else "chat",
        model=answer.model,
        usage=read_usage(answer.input_tokens, answer.output_tokens),
        finish_reason=next(iter(answer.finish_reasons), None),
        response_id=answer.response_id,
    )


def repeated(response: Mapping[str, JSON]) -> dict[str, JSON]:
    """The parameters that a reply of the Responses API repeats, without its defaults."""
    asked = {name: _given(response[name]) for name in _REPEATED if name in response}
    if isinstance(text := asked.get("text"), dict) and text.get("verbosity") == "medium":
        del text["verbosity"]
    if tools := read_list(response.get("tools")):
        asked["tools"] = [_given(tool) for tool in tools]
    return {n: v for n, v in asked.items() if v not in (None, {}) and v != _DEFAULTS.get(n)}


def _given(value: JSON) -> JSON:
    """The value without fields that are null."""
    if not isinstance(value, dict):
        return value
    return {name: _given(inner) for name, inner in value.items() if inner is not None}


def _inside(read: Callable[[Any], Result], value: JSON) -> Result | None:
    """Call a reader of capture, which may raise if fields are of another type."""
    try:
        return read(value)
    except Exception:  # noqa: BLE001  whatever another program wrote
        return None


def _read_response(response: JSON) -> Answer | None:
    if isinstance(response, dict):
        found = first_read(lambda provider: provider.read_response(response))
        if found is not None or ("content" not in response and "tool_calls" not in response):
            return found
    read = read_messages(response)
    return None if read is None else Answer(list(read))


def messages_of(read: list[dict[str, Any]] | None) -> list[Message]:
    """Convert messages of capture's readers to records."""
    found = [read_message(item) for item in read or ()]
    return [message for message in found if message is not None]
