"""A request as a client takes it, read into messages, attributes and parameters."""

from collections.abc import Mapping
from typing import Any

from smile_trace import semconv
from smile_trace.capture.jsonable import jsonable
from smile_trace.capture.providers.base import PROVIDERS, SentRequest
from smile_trace.capture.providers.messages import read_messages, text_message

_NUMBERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "seed": semconv.REQUEST_SEED,
}
MAX_NAME = 256
_SYSTEM = ("system", "instructions")
_SENT = ("messages", "input", "prompt")
_NO_PARAMETERS = frozenset(
    {"model", "stream", "stream_options", "timeout", "api_key", "user", "metadata"}
    | {"extra_headers", "extra_query", *_SYSTEM, *_SENT}
)
"""Arguments that do not influence the answer, are recorded elsewhere, or are secret."""


def read_request(request: Mapping[str, Any]) -> SentRequest:
    """What a request says, as the first provider reads it that knows its shape."""
    for provider in PROVIDERS:
        sent = provider.read_request(request)
        if sent is not None:
            return sent
    return read_chat_request(request, system=_SYSTEM)


def read_chat_request(request: Mapping[str, Any], system: tuple[str, ...]) -> SentRequest:
    """The shape that chat APIs share: `messages` (or `input`, `prompt`), and the parameters.

    Args:
        request: the client's arguments by name.
        system: the arguments that hold system instructions; each becomes a system message.
    """
    name = next((name for name in _SENT if request.get(name) is not None), None)
    sent = SentRequest(attributes=request_attributes(request))
    if name is not None:
        sent.messages = read_messages(request[name])
        sent.unreadable = sent.messages is None
        sent.form = "text_completion" if name == "prompt" else None
    for key in system:
        text = request.get(key)
        if sent.messages is not None and text is not None:
            first = read_messages([{"role": "system", "content": text}])
            sent.messages = [*(first or [text_message("system", text)]), *sent.messages]
    stop = request.get("stop")
    if isinstance(stop, str | list | tuple):
        sent.attributes[semconv.REQUEST_STOP_SEQUENCES] = (
            [stop] if isinstance(stop, str) else [str(item) for item in stop]
        )
    sent.parameters = {
        key: jsonable(value)
        for key, value in request.items()
        if key not in _NO_PARAMETERS and key not in _NUMBERS and key != "stop" and value is not None
    }
    return sent


def request_attributes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes for the model's name and the numbers that every chat API calls the same."""
    attributes: dict[str, Any] = {}
    if isinstance(arguments.get("model"), str):
        attributes[semconv.REQUEST_MODEL] = arguments["model"][:MAX_NAME]
    for name, value in arguments.items():
        key = _NUMBERS.get(name)
        if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
            attributes[key] = value
    return attributes
