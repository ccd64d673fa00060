"""Anthropic's messages."""

from collections.abc import Mapping
from typing import Any

from smile_trace.capture.jsonable import field
from smile_trace.capture.providers.answers import with_metadata
from smile_trace.capture.providers.base import Answer, Part, Provider, SentRequest
from smile_trace.capture.providers.messages import blob, read_messages, tool_call, tool_response
from smile_trace.capture.providers.requests import read_chat_request


class Anthropic(Provider):
    """Request: `messages` and `system`. Response: a message whose content is a list of blocks."""

    name = "anthropic"
    stream_types = ("MessageStreamManager", "AsyncMessageStreamManager")

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if request.get("system") is None or request.get("instructions") is not None:
            return None
        return read_chat_request(request, system=("system",))

    def read_part(self, part: Any) -> Part | None:
        kind = field(part, "type")
        if kind == "tool_use":
            return tool_call(field(part, "id"), field(part, "name"), field(part, "input"))
        if kind == "tool_result":
            return tool_response(field(part, "tool_use_id"), field(part, "content"))
        source = field(part, "source")
        data = field(source, "data")
        if isinstance(data, str | bytes):
            return blob(str(kind), str(field(source, "media_type") or ""), data)
        return None

    def read_response(self, response: Any) -> Answer | None:
        if field(response, "type") != "message" or not isinstance(field(response, "content"), list):
            return None
        reason = field(response, "stop_reason")
        reasons = [str(reason)] if reason else []
        return with_metadata(
            Answer(read_messages([response]) or [], reasons, form="chat"), response
        )

    def read_chunk(self, chunk: Any) -> str | None:
        text = field(field(chunk, "delta"), "text")
        return text if isinstance(text, str) else None
