"""A request as a client takes it, read into messages, attributes and parameters."""

import inspect
from collections.abc import Mapping
from typing import Any

from smile_trace import semconv
from smile_trace._guards import objects
from smile_trace._guards.jsonable import Shortened, bounded, bounded_repr, dumps, field, jsonable
from smile_trace.providers.base import (
    PROVIDERS,
    Answer,
    SentRequest,
    first_read,
    read_messages,
    text_message,
)

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
    """Read a request by the first provider that knows its shape."""
    body = request.get("extra_body")
    if isinstance(body, Mapping):  # clients send its members beside the others
        request = {**request, **body}
    sent = first_read(lambda provider: provider.read_request(request))
    return read_chat_request(request, system=_SYSTEM) if sent is None else sent


def read_client_request(request: Mapping[str, Any]) -> SentRequest | None:
    """Read a mapping of unknown origin; None unless it has a model's name and chat messages or
    items."""
    messages = request.get("messages", request.get("input"))
    if not isinstance(request.get("model"), str) or not isinstance(messages, str | list):
        return None
    sent = read_request(request)
    return None if sent.unreadable else sent


def read_chat_request(request: Mapping[str, Any], system: tuple[str, ...]) -> SentRequest:
    """Read the shape that chat APIs share: `messages` (or `input`, `prompt`), and the parameters.
    Each `system` argument becomes a system message."""
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
    """Return the parameters of a request that have no attribute of their own."""
    return {
        key: jsonable(value)
        for key, value in request.items()
        if key not in _NO_PARAMETERS and key not in _NUMBERS and key != "stop" and value is not None
    }


def request_attributes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes for names common to all chat APIs: model, numbers, stops."""
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


STREAM = 'stream, content not captured; call smile_trace.instrument("openai") to capture it'

AWAITABLE = "the function returned an awaitable; decorate the coroutine function itself"


def read_answer(value: Any) -> Answer:
    """Read `value` as an answer: strings, response objects of the known providers, chat messages,
    pydantic models, anything JSON-able; otherwise a bounded `repr`. Streams are never touched."""
    if isinstance(value, str):
        return Answer([text_message("assistant", value)])
    if value is None:
        return Answer(no_content="the function returned None")
    if inspect.isawaitable(value):
        return Answer(no_content=AWAITABLE)
    if is_stream(value):
        return Answer(no_content=STREAM)
    answer = first_read(lambda provider: provider.read_response(value))
    if answer is not None:
        return answer
    if isinstance(field(value, "role"), str) and field(value, "content") is not None:
        message = read_messages([value])
        if message is not None:
            return with_metadata(Answer(message, form="chat"), value)
    plain, shortened = bounded(value)
    unknown = isinstance(plain, str)  # jsonable gives a type's name for what it does not know
    text = bounded_repr(value) if unknown else dumps(plain)
    shortened = shortened or type(text) is Shortened
    return Answer([text_message("assistant", text)], shortened=shortened)


def read_chunks(chunks: list[Any]) -> Answer:
    """Join a stream's items into an answer, tool calls and refusals included."""
    answer = first_read(lambda provider: provider.read_stream(chunks))
    return read_answer(join_chunks(chunks)) if answer is None else answer


def join_chunks(chunks: list[Any]) -> Any:
    """Join a stream's items into one value: its texts, else the list of its items."""
    texts = [chunk if isinstance(chunk, str) else _chunk_text(chunk) for chunk in chunks]
    if any(isinstance(chunk, str) for chunk in chunks) and None in texts:
        return chunks
    known = [text for text in texts if text is not None]
    return "".join(known) if known else chunks


def _chunk_text(chunk: Any) -> str | None:
    return first_read(lambda provider: provider.read_chunk(chunk))


def is_stream(value: Any) -> bool:
    """Whether `value` gives its content later: an iterator or a client's stream."""
    if isinstance(value, str | bytes | list | tuple | dict) or objects.is_model(value):
        return False
    kind = type(value)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        return True
    return any(kind.__name__ in provider.stream_types for provider in PROVIDERS)


def with_metadata(answer: Answer, response: Any) -> Answer:
    """Add id, model and token counts if the response tells them."""
    for name, target in (("id", "response_id"), ("model", "model")):
        value = field(response, name)
        if isinstance(value, str):
            setattr(answer, target, value)
    usage = field(response, "usage")
    answer.input_tokens = _count(usage, "prompt_tokens", "input_tokens")
    answer.output_tokens = _count(usage, "completion_tokens", "output_tokens")
    # Anthropic counts cached tokens beside the input; the convention counts them with it.
    for cached in ("cache_read_input_tokens", "cache_creation_input_tokens"):
        if answer.input_tokens is not None:
            answer.input_tokens += _count(usage, cached) or 0
    return answer


def _count(usage: Any, *names: str) -> int | None:
    for name in names:
        count = field(usage, name)
        if isinstance(count, int) and not isinstance(count, bool):
            return count
    return None
