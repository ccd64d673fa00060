"""LangChain's messages: objects, and the JSON that its callbacks write of them.

Source: langchain-core, `messages` (`type` in place of `role`; calls of tools with `args`) and
`load.dump` (`{"lc": 1, "type": "constructor", "id": […], "kwargs": {…}}`); LangChain.js' of
@langchain/core, whose fields have no `type`, and what @langchain/openai sends of them.
"""

import re
from collections.abc import Mapping
from typing import Any

from smile_trace._guards.jsonable import dumps, field, jsonable, plain_str
from smile_trace.providers.base import (
    Answer,
    MessageDict,
    Part,
    Provider,
    SentRequest,
    read_messages,
    read_parts,
    tool_call,
    tool_response,
    with_extra,
)
from smile_trace.providers.exchanges import read_chat_request, with_metadata

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_CLASS = re.compile(r"Message(Chunk)?$")
_BY_JAVASCRIPT = "langchain_core"
"""Where the path of a class begins in LangChain.js; in Python it does with `langchain`."""


class LangChain(Provider):
    """Request: `messages`, a list of lists. Response: `generations`, a list of lists."""

    name = "langchain"

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        batches = request.get("messages")
        if not isinstance(batches, list | tuple) or not batches or not isinstance(batches[0], list):
            return None
        return read_chat_request({**request, "messages": batches[0]}, system=())

    def read_message(self, message: Any) -> MessageDict | None:
        path = _items(field(message, "id"))
        in_javascript = path[:1] == [_BY_JAVASCRIPT]
        message = _whole(message)
        calls = [c for c in _items(field(message, "tool_calls")) if field(c, "args") is not None]
        role = field(message, "role")
        if role is None:
            role = _role(field(message, "type") or (path[-1] if in_javascript else None))
        elif not calls:
            return None
        content = field(message, "content")
        if not isinstance(role, str) or not (content is None or isinstance(content, str | list)):
            return None
        if role == "tool":
            parts = [tool_response(field(message, "tool_call_id"), content)]
        else:
            empty = content == "" and in_javascript
            parts = read_parts("") if empty else _content(content, bool(calls))
        for call in calls:
            given = field(call, "args")
            arguments = dumps(jsonable(given)) if in_javascript else given
            parts.append(tool_call(field(call, "id"), field(call, "name"), arguments))
        read = {"role": plain_str(role), "parts": parts}
        return with_extra(read, {"name": field(message, "name")}, ()) if in_javascript else read

    def read_response(self, response: Any) -> Answer | None:
        generations = _items(field(response, "generations"))
        first = _items(generations[0]) if generations else generations
        if not first:
            return None
        said = field(first[0], "message")
        if said is None:
            said = field(first[0], "text")
        found = read_messages([said]) if said is not None else None
        if found is None:
            return None
        about = field(first[0], "generation_info") or field(first[0], "generationInfo")
        reason = field(about, "finish_reason")
        answer = Answer(found, [reason] if isinstance(reason, str) else [], form="chat")
        for message in answer.messages:
            message["role"] = "assistant"
        return with_metadata(answer, response)


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _whole(message: Any) -> Any:
    """Return the message's own fields, even if `dumps` or `message_to_dict` wrote it."""
    for name in ("kwargs", "data"):
        inner = field(message, name)
        if isinstance(inner, Mapping) and "content" in inner:
            return inner
    return message


def _role(kind: Any) -> str | None:
    if not isinstance(kind, str):
        return None
    return _ROLES.get(_CLASS.sub("", kind).lower())


def _content(content: Any, calls: bool) -> list[Part]:
    """Return its parts without Anthropic's tool calls, which stand in `tool_calls`, too."""
    if isinstance(content, list):
        content = [c for c in content if not (calls and field(c, "type") == "tool_use")]
    return [] if calls and content == "" else read_parts(content)
