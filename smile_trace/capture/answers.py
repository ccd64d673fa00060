"""What came back: texts, and the response objects of OpenAI's and Anthropic's clients.

Response objects are recognised by their fields, not by importing anybody's client.
"""

import inspect
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from smile_trace.capture.jsonable import bounded_repr, dump_model, dumps, field, jsonable
from smile_trace.capture.messages import MessageDict, read_messages, read_tool_calls, text_message

STREAM = 'stream, content not captured; call smile_trace.instrument("openai") to capture it'

AWAITABLE = "the function returned an awaitable; decorate the coroutine function itself"


@dataclass(slots=True)
class Answer:
    """An answer as it will be written; `no_content` says why it holds none."""

    messages: list[MessageDict] = dataclass_field(default_factory=list)
    finish_reasons: list[str] = dataclass_field(default_factory=list)
    model: str | None = None
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    form: str | None = None
    no_content: str | None = None


def read_answer(value: Any) -> Answer:
    """The answer that `value` stands for.

    Strings, OpenAI chat completions, completions and responses, Anthropic messages, pydantic
    models, anything JSON-able; otherwise a bounded `repr`. Streams are never touched.
    """
    if isinstance(value, str):
        return Answer([text_message("assistant", value)])
    if value is None:
        return Answer(no_content="the function returned None")
    if inspect.isawaitable(value):
        return Answer(no_content=AWAITABLE)
    if is_stream(value):
        return Answer(no_content=STREAM)
    answer = _from_response(value)
    if answer is not None:
        return _with_figures(answer, value)
    plain = jsonable(value)
    unknown = isinstance(plain, str)  # jsonable gives a type's name for what it does not know
    return Answer([text_message("assistant", bounded_repr(value) if unknown else dumps(plain))])


def join_chunks(chunks: list[Any]) -> Any:
    """What a stream gave, as one value: its texts joined, else the list of its items."""
    texts = [chunk if isinstance(chunk, str) else _delta(chunk) for chunk in chunks]
    if any(isinstance(chunk, str) for chunk in chunks) and None in texts:
        return chunks
    found = [text for text in texts if text is not None]
    return "".join(found) if found else chunks


def _delta(chunk: Any) -> str | None:
    """The text that one chunk of OpenAI's or Anthropic's clients adds."""
    choices = field(chunk, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for text in (
        field(field(first, "delta"), "content"),
        field(first, "text"),
        field(field(chunk, "delta"), "text"),
    ):
        if isinstance(text, str):
            return text
    return None


def is_stream(value: Any) -> bool:
    """Whether `value` gives its content later: an iterator or a client's stream."""
    if isinstance(value, str | bytes | list | tuple | dict) or dump_model(value) is not None:
        return False
    kind = type(value)
    return (
        hasattr(kind, "__next__")
        or hasattr(kind, "__anext__")
        or kind.__name__ in ("MessageStreamManager", "AsyncMessageStreamManager")
    )


def _from_response(value: Any) -> Answer | None:
    choices = field(value, "choices")
    if isinstance(choices, list) and choices:
        return _from_choices(choices)
    if isinstance(field(value, "output"), list) and isinstance(field(value, "id"), str):
        return _from_output(value)
    if field(value, "type") == "message" and isinstance(field(value, "content"), list):
        message = read_messages([value])
        reason = field(value, "stop_reason")
        return Answer(message or [], [str(reason)] if reason else [], form="chat")
    if isinstance(field(value, "role"), str) and field(value, "content") is not None:
        message = read_messages([value])
        return None if message is None else Answer(message, form="chat")
    return None


def _from_choices(choices: list[Any]) -> Answer:
    """OpenAI's chat completion (each choice a message) or completion (each a text)."""
    answer = Answer(form="chat")
    for choice in choices:
        message = field(choice, "message")
        if message is None and isinstance(field(choice, "text"), str):
            answer.form = "text_completion"
            answer.messages.append(text_message("assistant", field(choice, "text")))
        else:
            answer.messages += read_messages([message]) or []
            refusal = field(message, "refusal")
            if isinstance(refusal, str) and answer.messages:
                answer.messages[-1]["parts"].append({"type": "refusal", "content": refusal})
        reason = field(choice, "finish_reason")
        if reason:
            answer.finish_reasons.append(str(reason))
    return answer


def _from_output(value: Any) -> Answer:
    """OpenAI's Responses API: a list of items, messages and function calls among them."""
    answer = Answer(form="chat")
    parts: list[dict[str, Any]] = []
    for item in field(value, "output"):
        if field(item, "type") == "message":
            for message in read_messages([item]) or []:
                parts += message["parts"]
        elif field(item, "type") == "function_call":
            call = {"id": field(item, "call_id"), "function": item}
            parts += read_tool_calls([call])
    answer.messages.append({"role": "assistant", "parts": parts})
    status = field(value, "status")
    if isinstance(status, str):
        answer.finish_reasons.append(status)
    return answer


def _with_figures(answer: Answer, value: Any) -> Answer:
    """Adds id, model and token counts where the response tells them."""
    for name, target in (("id", "response_id"), ("model", "model")):
        found = field(value, name)
        if isinstance(found, str):
            setattr(answer, target, found)
    usage = field(value, "usage")
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
