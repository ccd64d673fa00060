"""OpenAI's chat completions, completions and responses, and the many APIs that copy them."""

from collections.abc import Mapping
from typing import Any

from smile_trace.capture.jsonable import field, jsonable, plain_str
from smile_trace.capture.providers.answers import with_metadata
from smile_trace.capture.providers.base import Answer, MessageDict, Part, Provider, SentRequest
from smile_trace.capture.providers.messages import (
    blob,
    read_messages,
    read_parts,
    text_message,
    tool_call,
    tool_response,
)
from smile_trace.capture.providers.requests import read_chat_request


class OpenAI(Provider):
    """Request: `messages`, `input` or `prompt`, and `instructions`. Response: `choices`, or a
    list of items in `output`."""

    name = "openai"

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if request.get("system") is not None:
            return None
        return read_chat_request(request, system=("instructions",))

    def read_message(self, message: Any) -> MessageDict | None:
        role, content = field(message, "role"), field(message, "content")
        if role is None:
            return _item(message)
        calls = _tool_calls(field(message, "tool_calls"))
        if role == "tool":
            parts = [tool_response(field(message, "tool_call_id"), content)]
        elif calls:
            parts = read_parts(content)
        else:
            return None
        return {"role": plain_str(role), "parts": [*parts, *calls]}

    def read_part(self, part: Any) -> Part | None:
        if field(part, "type") == "refusal":
            return {"type": "refusal", "content": str(field(part, "refusal"))}
        image = field(part, "image_url")
        url = image if isinstance(image, str) else field(image, "url")
        if isinstance(url, str):
            if not url.startswith("data:"):
                detail = field(image, "detail") or field(part, "detail")
                found = {"type": "uri", "modality": "image", "uri": url}
                return {**found, "detail": detail} if isinstance(detail, str) else found
            head, _, data = url[5:].partition(",")
            return blob("image", head.partition(";")[0], data)
        file = field(part, "input_audio") or field(part, "file")
        data = field(file, "data") or field(file, "file_data")
        if isinstance(data, str | bytes):
            media_type = field(file, "media_type") or field(file, "format")
            return blob(str(field(part, "type")), str(media_type or ""), data)
        return None

    def read_response(self, response: Any) -> Answer | None:
        choices, output = field(response, "choices"), field(response, "output")
        if isinstance(choices, list) and choices:
            return with_metadata(_from_choices(choices), response)
        if isinstance(output, list) and isinstance(field(response, "id"), str):
            return with_metadata(_from_output(output, field(response, "status")), response)
        return None

    def read_chunk(self, chunk: Any) -> str | None:
        choices = field(chunk, "choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        for text in (field(field(first, "delta"), "content"), field(first, "text")):
            if isinstance(text, str):
                return text
        return None


def _item(item: Any) -> MessageDict | None:
    """An item of the Responses API that is no message: a call of a function, or its result."""
    kind = field(item, "type")
    if kind == "function_call":
        name, arguments = field(item, "name"), field(item, "arguments")
        return {"role": "assistant", "parts": [tool_call(field(item, "call_id"), name, arguments)]}
    if kind == "function_call_output":
        output = field(item, "output")
        return {"role": "tool", "parts": [tool_response(field(item, "call_id"), output)]}
    if isinstance(kind, str):  # reasoning, what a server's own tool did, a reference
        return {"role": "assistant", "parts": [{"type": kind, "content": jsonable(item)}]}
    return None


def _tool_calls(calls: Any) -> list[Part]:
    parts = []
    for call in calls if isinstance(calls, list | tuple) else ():
        function = field(call, "function")
        name, arguments = field(function, "name"), field(function, "arguments")
        parts.append(tool_call(field(call, "id"), name, arguments))
    return parts


def _from_choices(choices: list[Any]) -> Answer:
    """A chat completion (each choice a message) or a completion (each a text)."""
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


def _from_output(output: list[Any], status: Any) -> Answer:
    """The Responses API: a list of items, messages and function calls among them."""
    parts: list[Part] = []
    for item in output:
        if field(item, "type") == "message":
            for message in read_messages([item]) or []:
                parts += message["parts"]
        elif field(item, "type") == "function_call":
            name, arguments = field(item, "name"), field(item, "arguments")
            parts.append(tool_call(field(item, "call_id"), name, arguments))
    reasons = [status] if isinstance(status, str) else []
    return Answer([{"role": "assistant", "parts": parts}], reasons, form="chat")
