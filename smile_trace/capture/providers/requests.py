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
    {"model", "stream", "stream_options", "background", "timeout", "api_key", "user", "metadata"}
    | {"extra_headers", "extra_query", "extra_body", *_SYSTEM, *_SENT}
)
"""Arguments that do not influence the answer, are recorded elsewhere, or are secret."""


def read_request(request: Mapping[str, Any]) -> SentRequest:
    """What a request says, as the first provider reads it that knows its shape."""
    body = request.get("extra_body")
    if isinstance(body, Mapping):  # clients send its members beside the others
        request = {**request, **body}
    for provider in PROVIDERS:
        sent = provider.read_request(request)
        if sent is not None:
            return sent
    return read_chat_request(request, system=_SYSTEM)


def read_client_request(request: Mapping[str, Any]) -> SentRequest | None:
    """As `read_request`, of a mapping that may be something else; None where it is no request of
    chat messages or items with the name of a model."""
    messages = request.get("messages", request.get("input"))
    if not isinstance(request.get("model"), str) or not isinstance(messages, str | list):
        return None
    sent = read_request(request)
    return None if sent.unreadable else sent


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
    sent.parameters = read_parameters(request)
    return sent


def read_parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request that have no attribute of their own."""
    return {
        key: jsonable(value)
        for key, value in request.items()
        if key not in _NO_PARAMETERS and key not in _NUMBERS and key != "stop" and value is not None
    }


def request_attributes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes for what every chat API calls the same: the model's name, numbers, stops."""
    attributes: dict[str, Any] = {}
    if isinstance(arguments.get("model"), str):
        attributes[semconv.REQUEST_MODEL] = arguments["model"][:MAX_NAME]
    for name, value in arguments.items():
        key = _NUMBERS.get(name)
        if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
            attributes[key] = value
    stop = arguments.get("stop")
    if isinstance(stop, str | list | tuple):
        texts = [stop] if isinstance(stop, str) else [str(item) for item in stop]
        attributes[semconv.REQUEST_STOP_SEQUENCES] = texts
    return attributes
