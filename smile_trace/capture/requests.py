"""A request as a client takes it, read into messages and attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smile_trace import semconv
from smile_trace.capture.jsonable import jsonable
from smile_trace.capture.messages import MessageDict, read_messages, text_message

_NUMBERS = {
    "temperature": semconv.REQUEST_TEMPERATURE,
    "top_p": semconv.REQUEST_TOP_P,
    "max_tokens": semconv.REQUEST_MAX_TOKENS,
    "seed": semconv.REQUEST_SEED,
}
MAX_NAME = 256
_SYSTEM = ("system", "instructions")
_SENT = ("messages", "input", "prompt")
_LEFT_OUT = frozenset(
    {"model", "stream", "stream_options", "timeout", "api_key", "user", "metadata"}
    | {"extra_headers", "extra_query", *_SYSTEM, *_SENT}
)
"""What does not shape the answer, or is no business of ours."""


@dataclass(slots=True)
class Sent:
    """What a request says: `parameters` have no `gen_ai` name of their own; `unreadable` =
    it names messages that are none."""

    messages: list[MessageDict] | None = None
    form: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    unreadable: bool = False


def read_request(request: Mapping[str, Any]) -> Sent:
    """The messages, the form and the parameters of a request of OpenAI's or Anthropic's."""
    name = next((name for name in _SENT if request.get(name) is not None), None)
    sent = Sent()
    if name is not None:
        sent.messages = read_messages(request[name])
        sent.unreadable = sent.messages is None
        sent.form = "text_completion" if name == "prompt" else None
    for key in _SYSTEM:
        system = request.get(key)
        if sent.messages is not None and system is not None:
            texts = read_messages([{"role": "system", "content": system}])
            sent.messages = [*(texts or [text_message("system", system)]), *sent.messages]
    sent.attributes = arguments_of_request(request)
    stop = request.get("stop")
    if isinstance(stop, str | list | tuple):
        sent.attributes[semconv.REQUEST_STOP_SEQUENCES] = (
            [stop] if isinstance(stop, str) else [str(item) for item in stop]
        )
    rest = {
        key: jsonable(value)
        for key, value in request.items()
        if key not in _LEFT_OUT and key not in _NUMBERS and key != "stop" and value is not None
    }
    sent.parameters = rest
    return sent


def arguments_of_request(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes for the model's name and the numbers that every chat API calls the same."""
    attributes: dict[str, Any] = {}
    if isinstance(arguments.get("model"), str):
        attributes[semconv.REQUEST_MODEL] = arguments["model"][:MAX_NAME]
    for name, value in arguments.items():
        key = _NUMBERS.get(name)
        if key is not None and isinstance(value, int | float) and not isinstance(value, bool):
            attributes[key] = value
    return attributes
