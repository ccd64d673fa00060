"""What was sent, as `gen_ai` messages: `{"role": …, "parts": [{"type": "text", …}, …]}`."""

import base64
import binascii
from typing import Any

from smile_trace.capture.jsonable import binary, dump_model, field, jsonable, plain_str

MessageDict = dict[str, Any]
TEXT_TYPES = ("text", "input_text", "output_text")


def read_messages(value: Any) -> list[MessageDict] | None:
    """The messages that `value` stands for; None where it is neither text nor messages.

    A string is one `user` message. A list holds chat messages as OpenAI or Anthropic take
    them (mappings or objects with `role` and `content`), or texts.
    """
    if isinstance(value, str):
        return [text_message("user", value)]
    if field(value, "role") is not None:
        value = [value]
    if not isinstance(value, list | tuple) or not value:
        return None
    messages = [_message(item) for item in value]
    return None if None in messages else [m for m in messages if m is not None]


def text_message(role: str, text: str) -> MessageDict:
    """A message of one text."""
    return {"role": role, "parts": [{"type": "text", "content": plain_str(text)}]}


def content_of(message: MessageDict) -> str:
    """The texts of a message, one per line: what the dialects read as its content."""
    return "\n".join(p["content"] for p in message["parts"] if p["type"] == "text")


def _message(value: Any) -> MessageDict | None:
    if isinstance(value, str):
        return text_message("user", value)
    role = field(value, "role")
    if not isinstance(role, str):
        return None
    parts = _parts(field(value, "content"))
    if role == "tool":
        parts = [_tool_response(field(value, "tool_call_id"), field(value, "content"))]
    parts += read_tool_calls(field(value, "tool_calls"))
    return {"role": plain_str(role), "parts": parts}


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": plain_str(content)}]
    if isinstance(content, list | tuple):
        return [_part(item) for item in content]
    return [_part(content)]


def _part(value: Any) -> dict[str, Any]:
    """One content part of OpenAI's or Anthropic's; what is unknown keeps its JSON."""
    if isinstance(value, str):
        return {"type": "text", "content": plain_str(value)}
    kind = field(value, "type")
    text = field(value, "text")
    if isinstance(text, str) and (kind in TEXT_TYPES or kind is None):
        return {"type": "text", "content": plain_str(text)}
    if kind == "tool_use":
        return _tool_call(field(value, "id"), field(value, "name"), field(value, "input"))
    if kind == "tool_result":
        return _tool_response(field(value, "tool_use_id"), field(value, "content"))
    if kind == "refusal":
        return {"type": "refusal", "content": str(field(value, "refusal"))}
    return _blob(value) or {"type": str(kind or "unknown"), "content": jsonable(value)}


def _blob(value: Any) -> dict[str, Any] | None:
    """Images, audio and files: the data becomes a placeholder with size and hash."""
    image = field(value, "image_url")
    url = field(image, "url") if image is not None and not isinstance(image, str) else image
    if isinstance(url, str):
        if not url.startswith("data:"):
            return {"type": "uri", "modality": "image", "uri": url}
        head, _, data = url[5:].partition(",")
        return _placeholder("image", head.partition(";")[0], data)
    source = field(value, "source") or field(value, "input_audio") or field(value, "file")
    data = field(source, "data") or field(source, "file_data")
    if isinstance(data, str | bytes):
        media_type = field(source, "media_type") or field(source, "format")
        return _placeholder(str(field(value, "type")), str(media_type or ""), data)
    return None


def _placeholder(modality: str, media_type: str, data: str | bytes) -> dict[str, Any]:
    raw = data if isinstance(data, bytes) else _decoded(data)
    return {**binary(raw, media_type or None), "type": "blob", "modality": modality}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "surrogatepass")


def read_tool_calls(calls: Any) -> list[dict[str, Any]]:
    """OpenAI's `tool_calls` as parts."""
    if not isinstance(calls, list | tuple):
        return []
    parts = []
    for call in calls:
        function = field(call, "function")
        parts.append(
            _tool_call(field(call, "id"), field(function, "name"), field(function, "arguments"))
        )
    return parts


def _tool_call(id_: Any, name: Any, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": jsonable(arguments)}


def _tool_response(id_: Any, content: Any) -> dict[str, Any]:
    if dump_model(content) is not None:
        content = dump_model(content)
    return {"type": "tool_call_response", "id": id_, "response": jsonable(content)}
