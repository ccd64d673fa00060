"""What a function returned, as an answer: a text, a provider's response object, a stream."""

import inspect
from typing import Any

from smile_trace.capture import models
from smile_trace.capture.jsonable import Shortened, bounded, bounded_repr, dumps, field
from smile_trace.capture.providers.base import PROVIDERS, Answer
from smile_trace.capture.providers.messages import read_messages, text_message

STREAM = 'stream, content not captured; call smile_trace.instrument("openai") to capture it'

AWAITABLE = "the function returned an awaitable; decorate the coroutine function itself"


def read_answer(value: Any) -> Answer:
    """`value` as an answer.

    Strings, response objects of the known providers, chat messages, pydantic models, anything
    JSON-able; otherwise a bounded `repr`. Streams are never touched.
    """
    if isinstance(value, str):
        return Answer([text_message("assistant", value)])
    if value is None:
        return Answer(no_content="the function returned None")
    if inspect.isawaitable(value):
        return Answer(no_content=AWAITABLE)
    if is_stream(value):
        return Answer(no_content=STREAM)
    for provider in PROVIDERS:
        answer = provider.read_response(value)
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
    """What a stream gave, as an answer: calls of tools and refusals put together, too."""
    for provider in PROVIDERS:
        answer = provider.read_stream(chunks)
        if answer is not None:
            return answer
    return read_answer(join_chunks(chunks))


def join_chunks(chunks: list[Any]) -> Any:
    """What a stream gave, as one value: its texts joined, else the list of its items."""
    texts = [chunk if isinstance(chunk, str) else _chunk_text(chunk) for chunk in chunks]
    if any(isinstance(chunk, str) for chunk in chunks) and None in texts:
        return chunks
    found = [text for text in texts if text is not None]
    return "".join(found) if found else chunks


def _chunk_text(chunk: Any) -> str | None:
    for provider in PROVIDERS:
        text = provider.read_chunk(chunk)
        if text is not None:
            return text
    return None


def is_stream(value: Any) -> bool:
    """Whether `value` gives its content later: an iterator or a client's stream."""
    if isinstance(value, str | bytes | list | tuple | dict) or models.is_model(value):
        return False
    kind = type(value)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        return True
    return any(kind.__name__ in provider.stream_types for provider in PROVIDERS)


def with_metadata(answer: Answer, response: Any) -> Answer:
    """Adds id, model and token counts where the response tells them."""
    for name, target in (("id", "response_id"), ("model", "model")):
        found = field(response, name)
        if isinstance(found, str):
            setattr(answer, target, found)
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
        found = field(usage, name)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None
