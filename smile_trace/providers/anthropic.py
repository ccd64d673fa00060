"""Anthropic's messages."""

import json
from collections.abc import Mapping
from typing import Any

from smile_trace._guards.jsonable import field, jsonable, plain_str
from smile_trace.providers.base import (
    Answer,
    Part,
    Pieces,
    Provider,
    SentRequest,
    Stream,
    blob,
    content_of,
    read_parts,
    refused,
    tool_call,
    tool_response,
    with_extra,
)
from smile_trace.providers.exchanges import read_chat_request, with_metadata

_PIECES = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}


class _MessageStream(Stream):
    """Joins a message's events (Anthropic's guide "Streaming messages"); other events are
    skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._about: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}

    def add(self, event: Any) -> None:
        kind, index = field(event, "type"), field(event, "index")
        if kind == "message_start":
            self.begun = True
            self._note(field(event, "message"))
        elif kind == "message_delta":
            self._note(field(event, "delta"))
            self._count(field(event, "usage"))
        elif kind == "content_block_start" and isinstance(index, int):
            self._blocks[index] = _Block(field(event, "content_block"))
        elif kind == "content_block_delta" and index in self._blocks:
            self._blocks[index].add(field(event, "delta"))

    @property
    def whole(self) -> dict[str, Any]:
        content = [block.whole for _, block in sorted(self._blocks.items())]
        return {**self._about, "type": "message", "content": content, "usage": self._usage}

    def _note(self, held: Any) -> None:
        for name in ("id", "model", "stop_reason", "stop_details"):
            if field(held, name) is not None:
                self._about[name] = field(held, name)
        self._count(field(held, "usage"))

    def _count(self, usage: Any) -> None:
        cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
        for name in ("input_tokens", "output_tokens", *cached):
            if field(usage, name) is not None:
                self._usage[name] = field(usage, name)


class _Block:
    def __init__(self, begun: Any) -> None:
        self._begun = begun
        self._pieces = Pieces()
        self._citations: list[Any] = []

    def add(self, delta: Any) -> None:
        if field(delta, "type") == "citations_delta":
            self._citations.append(field(delta, "citation"))
        name = _PIECES.get(str(field(delta, "type")), "")
        self._pieces.add(name, field(delta, name))

    @property
    def whole(self) -> dict[str, Any]:
        names = ("type", "id", "name", "input", "text", "thinking", "signature", "data")
        held = {name: field(self._begun, name) for name in names}
        block = {name: value for name, value in held.items() if value is not None}
        block |= self._pieces.whole
        if self._citations:
            block["citations"] = self._citations
        arguments = block.pop("partial_json", "")
        return {**block, "input": _decoded(arguments)} if arguments else block


def _decoded(arguments: str) -> Any:
    """Return a call's arguments; as text if the stream ended before they did."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


class Anthropic(Provider):
    """Request: `messages` and `system`. Response: a message whose content is a list of blocks."""

    name = "anthropic"
    stream_types = ("MessageStreamManager", "AsyncMessageStreamManager")
    stream = _MessageStream

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if request.get("system") is None or request.get("instructions") is not None:
            return None
        return read_chat_request(request, system=("system",))

    def read_part(self, part: Any) -> Part | None:
        kind = field(part, "type")
        if kind == "tool_use":
            call = tool_call(field(part, "id"), field(part, "name"), field(part, "input"))
            return with_extra(call, part, ("type", "id", "name", "input", "caller"))
        if kind == "tool_result":
            return _tool_result(part)
        if kind in ("thinking", "redacted_thinking"):
            return _reasoning(part)
        if kind == "search_result":
            return _search_result(part)
        return _with_source(part, str(kind))

    def read_response(self, response: Any) -> Answer | None:
        content = field(response, "content")
        if field(response, "type") != "message" or not isinstance(content, list):
            return None
        reason, parts = field(response, "stop_reason"), read_parts(content)
        if reason == "refusal":
            details = field(response, "stop_details")
            why = content_of({"parts": parts}) or field(details, "explanation")
            parts = [refused(why if isinstance(why, str) else "")]
        message = {"role": "assistant", "parts": parts}
        answer = Answer([message], [str(reason)] if reason else [], form="chat")
        return with_metadata(answer, response)

    def read_chunk(self, chunk: Any) -> str | None:
        text = field(field(chunk, "delta"), "text")
        return text if isinstance(text, str) else None


def _tool_result(part: Any) -> Part:
    content = field(part, "content")
    if isinstance(content, list | tuple):
        content = [_text_block(block) for block in content]
    result = tool_response(field(part, "tool_use_id"), content)
    return with_extra(result, part, ("type", "tool_use_id", "content"))


def _text_block(block: Any) -> Any:
    text = field(block, "text")
    is_text = field(block, "type") == "text" and isinstance(text, str)
    return {"type": "text", "text": text} if is_text else block


def _reasoning(part: Any) -> Part:
    """Read thinking, with the signature or data by which the service takes it back."""
    text = field(part, "thinking")
    held = {name: field(part, name) for name in ("signature", "data")}
    extra = {name: plain_str(value) for name, value in held.items() if isinstance(value, str)}
    return {
        "type": "reasoning",
        "content": plain_str(text) if isinstance(text, str) else "",
        "extra": extra,
    }


def _search_result(part: Any) -> Part | None:
    content = field(part, "content")
    text, rest = _joined(content)
    return None if text is None else _text_of(part, text, "content", rest)


def _joined(content: Any) -> tuple[str | None, Any]:
    """Return the text of a document's content, a line for each of its blocks, and, if there are
    several, the blocks; None if they are not texts alone."""
    if isinstance(content, str):
        return content, []
    blocks = content if isinstance(content, list | tuple) else []
    texts = [field(block, "text") for block in blocks]
    if not texts or not all(isinstance(text, str) for text in texts):
        return None, []
    return "\n".join(texts), jsonable(list(blocks)) if len(texts) > 1 else []


def _with_source(part: Any, kind: str) -> Part | None:
    source = field(part, "source")
    data, url, file = (field(source, name) for name in ("data", "url", "file_id"))
    media_type = field(source, "media_type")
    if field(source, "type") == "text" and isinstance(data, str):
        return _text_of(part, data, "source", {"type": "text", "media_type": "text/plain"})
    if field(source, "type") == "content":
        text, blocks = _joined(field(source, "content"))
        held = {"type": "content", "content": blocks}
        return None if text is None else _text_of(part, text, "source", held)
    if isinstance(data, str | bytes):
        read = blob(kind, str(media_type or ""), data)
    elif isinstance(url, str):
        read = {"type": "uri", "modality": kind, "uri": plain_str(url)}
    elif isinstance(file, str):
        read = {"type": "file", "modality": kind, "file_id": plain_str(file)}
    else:
        return None
    known = ("type", "source", "cache_control")
    return with_extra(read, part, known) if kind == "document" else read


def _text_of(block: Any, text: str, where: str, rest: Any) -> Part:
    """Return the text of a block as a part; its `extra` holds the block, with `rest` at `where`."""
    read = with_extra({"type": "text", "content": plain_str(text)}, block, (where,))
    read["extra"][where] = rest
    return read
