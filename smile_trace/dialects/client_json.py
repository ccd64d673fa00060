"""The request and the response of a provider's client, where a span holds them as they are, in
JSON: nothing of them is lost, as it is where an instrumentor has no name for it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from smile_trace import semconv
from smile_trace.capture.providers import Answer, read_answer, read_client_request
from smile_trace.dialects.attributes import read_object
from smile_trace.dialects.parts import read_message
from smile_trace.records import JSON, Form, Message

_NOT_PARAMETERS = (
    *("model", "messages", "input", "instructions", "system", "stream", "stream_options"),
    *("background", "user", "metadata", "extra_headers", "extra_query", "extra_body", "timeout"),
)


class Sent(NamedTuple):
    """What a client sent."""

    messages: tuple[Message, ...]
    parameters: dict[str, JSON]
    form: Form


def read_sent(value: JSON) -> Sent | None:
    """The request in a span's attribute; None where it holds none that a client takes.

    Raises:
        ForeignDataError: it is JSON beyond the bounds.
    """
    request = read_object(value)
    sent = read_client_request(request)
    if sent is None or sent.messages is None:
        return None
    whole = request | read_object(request.get("extra_body"))  # what is sent beside the others
    responses = sent.attributes.get(semconv.OPENAI_API_TYPE) == semconv.RESPONSES
    left_out = _NOT_PARAMETERS if responses else (*_NOT_PARAMETERS, "prompt")
    return Sent(
        messages=messages_of(sent.messages),
        parameters={k: v for k, v in whole.items() if k not in left_out and v is not None},
        form="responses" if responses else "chat",
    )


def read_got(value: JSON) -> Answer | None:
    """The answer in a span's attribute; None where it holds no response of a client's.

    Raises:
        ForeignDataError: it is JSON beyond the bounds.
    """
    response = read_object(value)
    choices = response.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    whole = isinstance(first, Mapping) and "message" in first
    items = isinstance(response.get("output"), list) and isinstance(response.get("id"), str)
    if not whole and not items and response.get("type") != "message":
        return None
    answer = read_answer(response)
    return answer if answer.messages else None


def messages_of(read: list[dict[str, Any]]) -> tuple[Message, ...]:
    """Messages as capture reads them, as records."""
    found = (read_message(message) for message in read)
    return tuple(message for message in found if message is not None)
