"""OpenAI's chat completions and completions, and the many APIs that copy them."""

from collections.abc import Mapping
from typing import Any

from smile_trace._guards.jsonable import field, jsonable, plain_str
from smile_trace.providers.base import (
    Answer,
    MessageDict,
    Part,
    Pieces,
    Provider,
    SentRequest,
    Stream,
    blob,
    media,
    read_messages,
    read_parts,
    refused,
    text_message,
    tool_call,
    tool_response,
    with_extra,
)
from smile_trace.providers.exchanges import read_chat_request, with_metadata

_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "function_call")


class _ChatStream(Stream):
    """Joins chunks (OpenAI's API reference, "Streaming" of chat completions)."""

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[int, _Choice] = {}
        self._about: dict[str, Any] = {}

    def add(self, chunk: Any) -> None:
        choices = field(chunk, "choices")
        if not isinstance(choices, list):
            return
        for name in ("id", "model", "usage"):
            if field(chunk, name) is not None:
                self._about[name] = field(chunk, name)
        for choice in choices:
            delta, text = field(choice, "delta"), field(choice, "text")
            if delta is not None or isinstance(text, str):
                self.begun = True
                index = field(choice, "index")
                chosen = self._choices.setdefault(index if type(index) is int else 0, _Choice())
                chosen.add(delta, text, field(choice, "finish_reason"))

    @property
    def whole(self) -> dict[str, Any]:
        choices = [choice.whole for _, choice in sorted(self._choices.items())]
        return {**self._about, "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self._text = Pieces()
        self._message = Pieces()
        self._calls: dict[Any, _Call] = {}
        self._function: _Call | None = None
        self._reason: Any = None
        self._cited: list[Any] = []

    def add(self, delta: Any, text: Any, reason: Any) -> None:
        self._reason = reason or self._reason
        cited = field(delta, "annotations")
        self._cited += cited if isinstance(cited, list) else []
        self._text.add("text", text)
        for name in ("content", "refusal", *_THOUGHTS):
            self._message.add(name, field(delta, name))
        calls = field(delta, "tool_calls")
        for place, piece in enumerate(calls if isinstance(calls, list) else ()):
            index = field(piece, "index")
            at = index if isinstance(index, int) else place
            self._calls.setdefault(at, _Call()).add(piece)
        if (called := field(delta, "function_call")) is not None:
            self._function = self._function or _Call()
            self._function.add({"function": called})

    @property
    def whole(self) -> dict[str, Any]:
        texts = self._text.whole
        if texts:
            return {**texts, "finish_reason": self._reason}
        message: dict[str, Any] = {"role": "assistant", "content": None, **self._message.whole}
        if self._calls:
            message["tool_calls"] = [call.whole for _, call in sorted(self._calls.items())]
        if self._function is not None:
            message["function_call"] = self._function.whole["function"]
        if self._cited:
            message["annotations"] = self._cited
        return {"message": message, "finish_reason": self._reason}


class _Call:
    def __init__(self) -> None:
        self._id: Any = None
        self._kind = "function"
        self._name: Any = None
        self._text = Pieces()

    def add(self, piece: Any) -> None:
        self._id = field(piece, "id") or self._id
        if field(piece, "custom") is not None:
            self._kind = "custom"
        inner = field(piece, self._kind)
        self._name = field(inner, "name") or self._name
        for name in ("arguments", "input"):
            self._text.add(name, field(inner, name))

    @property
    def whole(self) -> dict[str, Any]:
        empty = {"function": {"arguments": ""}, "custom": {"input": ""}}[self._kind]
        inner = {"name": self._name, **empty, **self._text.whole}
        return {"id": self._id, "type": self._kind, self._kind: inner}


class OpenAI(Provider):
    """Request: `messages` or `prompt`. Response: `choices`."""

    name = "openai"
    stream = _ChatStream

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if request.get("system") is not None:
            return None
        return read_chat_request(request, system=("instructions",))

    def read_message(self, message: Any) -> MessageDict | None:
        role, content = field(message, "role"), field(message, "content")
        if role is None:
            return None
        calls, thoughts = _tool_calls(field(message, "tool_calls")), _thoughts(message)
        called = field(message, "function_call")
        if called is not None:  # the way before tools
            call = tool_call(None, field(called, "name"), field(called, "arguments"))
            calls.append({**call, "extra": {"type": "function_call"}})
        if role == "tool":
            parts = [tool_response(field(message, "tool_call_id"), content)]
        elif calls or thoughts:
            parts = [*thoughts, *read_parts(content)]
        else:
            return None
        known = (*_FIELDS, *(part["extra"]["field"] for part in thoughts))
        return with_extra({"role": plain_str(role), "parts": [*parts, *calls]}, message, known)

    def read_part(self, part: Any) -> Part | None:
        if field(part, "type") == "refusal":
            return refused(str(field(part, "refusal")))
        image, sound = field(part, "image_url"), field(part, "input_audio")
        url = image if isinstance(image, str) else field(image, "url")
        if isinstance(url, str):
            image_part = media("image", url)
            detail = field(image, "detail") or field(part, "detail")
            return {**image_part, "detail": detail} if isinstance(detail, str) else image_part
        data = field(sound, "data")
        if isinstance(data, str | bytes):
            return blob("audio", f"audio/{field(sound, 'format') or ''}", data)
        return _file(field(part, "file") or part, field(part, "type"))

    def read_response(self, response: Any) -> Answer | None:
        choices = field(response, "choices")
        if isinstance(choices, list) and choices:
            return with_metadata(_from_choices(choices), response)
        return None

    def read_chunk(self, chunk: Any) -> str | None:
        choices = field(chunk, "choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        for text in (field(field(first, "delta"), "content"), field(first, "text")):
            if isinstance(text, str):
                return text
        return None


def _file(file: Any, kind: Any) -> Part | None:
    modality = "image" if kind == "input_image" else "file"
    held, data = field(file, "file_id"), field(file, "file_data")
    address = data if isinstance(data, str) else field(file, "file_url")
    if isinstance(address, str):
        part = media(modality, address)
    elif isinstance(held, str):
        part = {"type": "file", "modality": modality, "file_id": plain_str(held)}
    else:
        return None
    return with_extra(part, {"filename": field(file, "filename")}, ())


def _tool_calls(calls: Any) -> list[Part]:
    parts = []
    for call in calls if isinstance(calls, list | tuple) else ():
        function, custom = field(call, "function"), field(call, "custom")
        if custom is not None:  # a tool that takes a text
            part = tool_call(field(call, "id"), field(custom, "name"), field(custom, "input"))
            parts.append({**part, "extra": {"type": "custom"}})
            continue
        name, arguments = field(function, "name"), field(function, "arguments")
        part = tool_call(field(call, "id"), name, arguments)
        parts.append(with_extra(part, {_SIGNED_CALL: field(call, _SIGNED_CALL)}, ()))
    return parts


_THOUGHTS = ("reasoning_content", "reasoning")
"""Fields in which servers send the model's reasoning."""
_SIGNED = ("reasoning_details", "thinking_blocks")
"""Fields that hold it signed (OpenRouter, LiteLLM): nothing beside them can be left out."""
_SIGNED_CALL = "extra_content"
"""The field of a call in which Gemini signs the reasoning before it."""


def _thoughts(message: Any) -> list[Part]:
    """The reasoning in a field beside what the assistant said, sent as text."""
    signed = any(field(message, name) for name in _SIGNED)
    for name in _THOUGHTS if field(message, "role") == "assistant" and not signed else ():
        said = field(message, name)
        if isinstance(said, str) and said:
            return [{"type": "reasoning", "content": plain_str(said), "extra": {"field": name}}]
    return []


def _citations_of(message: Any) -> dict[str, Any]:
    """Return the citations of an answer as the further field of its message."""
    cited = field(message, "annotations")
    plain = jsonable(cited) if isinstance(cited, list) and cited else None
    return {"extra": {"annotations": plain}} if plain else {}


def _from_choices(choices: list[Any]) -> Answer:
    answer = Answer(form="chat")
    for choice in choices:
        message = field(choice, "message")
        if message is None and isinstance(field(choice, "text"), str):
            answer.form = "text_completion"
            answer.messages.append(text_message("assistant", field(choice, "text")))
        else:
            read = read_messages([message]) or []
            cited = _citations_of(message)
            answer.messages += [{"role": m["role"], "parts": m["parts"], **cited} for m in read]
            refusal = field(message, "refusal")
            if isinstance(refusal, str) and refusal and answer.messages:
                answer.messages[-1]["parts"].append(refused(refusal))
        reason = field(choice, "finish_reason")
        if reason:
            answer.finish_reasons.append(str(reason))
    return answer
