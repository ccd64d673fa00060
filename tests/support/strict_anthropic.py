"""A planted server of Anthropic's Messages API that refuses what Anthropic's refuses.

Each refusal is a 400 with the sentence of the service, as its users report it (most of them in the
issues of anthropics/claude-code): texts that are empty or only white space, calls of tools that are
not answered in the next message, results without a call or not first, ids that repeat, unknown
roles and fields, wrong types, sampling parameters under the version 2026-10-21, thinking that is
missing where a budget for it is given, or whose signature belongs to other words (`binds`). Where
the service has become milder (a conversation that begins with the assistant, tools left out), or
only newer models refuse (one that ends with the assistant), it is the stricter one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tests.support.planted import PlantedHandler, PlantedServer, running

Answering = Callable[[dict[str, Any]], str | list[dict[str, Any]]]
"""The whole body to an answer: a text, or content blocks (a call needs `name` and `input`)."""

VERSION = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "max_tokens": (int,),
    "system": (str, list),
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": (int,),
    "stop_sequences": (list,),
    "stream": (bool,),
    "metadata": (dict,),
    "tools": (list,),
    "tool_choice": (dict,),
    "thinking": (dict,),
    "output_config": (dict,),
    "service_tier": (str,),
    "speed": (str,),
    "inference_geo": (str,),
}
_BLOCKS = {
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
    "system": {"text"},
}
_FIELDS: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "image": {"source": dict},
    "document": {"source": dict},
    "search_result": {"source": str, "title": str, "content": list},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
}


class Refused(Exception):
    """The request is invalid; the message says why."""


class StrictAnthropic(PlantedServer):
    """`bodies` has every request, `refused` the sentences of those that were refused.

    Args:
        answer: what it answers.
        stop_reason: why every answer ends; by default as the content says.
    """

    def __init__(self, answer: Answering, *, stop_reason: str | None = None) -> None:
        super().__init__(lambda prompt: prompt, handler=_Handler)
        self.answer = answer
        self.stop_reason = stop_reason
        self.binds = False
        self.refused: list[str] = []

    @property
    def base_url(self) -> str:
        """The address before `/v1/messages`."""
        return f"http://127.0.0.1:{self.server_address[1]}"


def strict(
    answer: Answering, *, stop_reason: str | None = None
) -> AbstractContextManager[StrictAnthropic]:
    """A running server on a free port."""
    return running(StrictAnthropic(answer, stop_reason=stop_reason))


class _Handler(PlantedHandler):
    server: StrictAnthropic

    def do_POST(self) -> None:
        server = self.server
        body = self.receive()
        with server.lock:
            fault = server.faults.pop(0) if server.faults else None
        if fault is not None:
            self._fail(*fault)
            return
        try:
            if self.path.partition("?")[0] != "/v1/messages":
                raise Refused(f"unknown path {self.path}")
            check(body, version=self.headers["anthropic-version"])
            if server.binds:
                _check_signatures(body)
        except Refused as error:
            with server.lock:
                server.refused.append(str(error))
            self.send(400, {}, error_body("invalid_request_error", str(error)))
            return
        message = reply(server.answer(body), body, stop_reason=server.stop_reason)
        if body.get("stream"):
            events = [
                f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                for event in _events(message)
            ]
            self.send(200, {"content-type": "text/event-stream"}, "".join(events).encode())
        else:
            self.send(200, {}, message)


def error_body(kind: str, message: str) -> dict[str, Any]:
    """The body of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def reply(
    answer: str | list[dict[str, Any]],
    body: Mapping[str, Any],
    *,
    stop_reason: str | None = None,
) -> dict[str, Any]:
    """A message with that answer."""
    blocks = [{"type": "text", "text": answer}] if isinstance(answer, str) else answer
    content = [
        {"type": "tool_use", "id": f"toolu_{number}", **block} if "input" in block else block
        for number, block in enumerate(blocks)
    ]
    calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop_reason or ("tool_use" if calls else "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": len(json.dumps([body.get("system"), body["messages"]]).split()),
            "output_tokens": len(json.dumps(content).split()),
        },
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a stream: texts and arguments in pieces of five characters."""
    started = {**message, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": started}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        text, empty = block.get("text", ""), {**block, "text": ""}
        cited = empty.pop("citations", [])
        kind, name = "text_delta", "text"
        if block["type"] == "tool_use":
            text, empty = json.dumps(block["input"]), {**block, "input": {}}
            kind, name = "input_json_delta", "partial_json"
        elif block["type"] == "thinking":
            text, empty = block["thinking"], {**block, "thinking": ""}
            kind, name = "thinking_delta", "thinking"
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for start in range(0, len(text), 5):
            delta = {"type": kind, name: text[start : start + 5]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        for citation in cited:
            delta = {"type": "citations_delta", "citation": citation}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    yield {"type": "message_delta", "delta": ended, "usage": usage}
    yield {"type": "message_stop"}


def signature(body: Mapping[str, Any], messages: int) -> str:
    """A signature that belongs to the first messages of a request, and what stands before them."""
    return hashlib.md5(
        json.dumps([body.get("system"), body["messages"][:messages]]).encode(),
        usedforsecurity=False,
    ).hexdigest()


def _check_signatures(body: Mapping[str, Any]) -> None:
    for number, message in enumerate(body["messages"]):
        for index, block in enumerate(_blocks(message)):
            if block["type"] == "thinking" and block["signature"] != signature(body, number):
                raise Refused(
                    f"messages.{number}.content.{index}: Invalid `signature` in `thinking` block. "
                    "The block is bound to a different conversation. Remove the block."
                )


def check(body: Mapping[str, Any], *, version: str = VERSION) -> None:
    """Refuse an invalid request.

    Args:
        body: the request.
        version: the header `anthropic-version`.

    Raises:
        Refused: it is one.
    """
    for name, value in body.items():
        if name not in _TYPES:
            raise Refused(f"{name}: Extra inputs are not permitted")
        wrong = isinstance(value, bool) and bool not in _TYPES[name]
        if wrong or not isinstance(value, _TYPES[name]):
            raise Refused(f"{name}: Input should be a valid {_TYPES[name][0].__name__}")
        if name in _SAMPLING and version >= VERSION:
            raise Refused(f"`{name}` is not supported by this API version")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise Refused(f"{name}: Field required")
    if body["max_tokens"] < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    if any(not isinstance(s, str) or not s.strip() for s in body.get("stop_sequences", [])):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    if body.get("temperature", 0) > 1:
        raise Refused("temperature: range: 0..1")
    _check_tools(body)
    if "system" in body:
        _check_content("system", "system", body["system"])
    _check_messages(body["messages"])
    if body.get("thinking", {}).get("type") == "enabled":
        _check_thinking(body["messages"])


def _check_thinking(messages: list[dict[str, Any]]) -> None:
    """Where results of tools end the conversation, all since the user's last words is one turn."""
    asked = [
        number
        for number, message in enumerate(messages)
        if message["role"] == "user"
        and not any(b["type"] == "tool_result" for b in _blocks(message))
    ]
    for number in range(max(asked, default=-1) + 1, len(messages))[:1]:
        kind = _blocks(messages[number])[0]["type"]
        if kind not in ("thinking", "redacted_thinking"):
            raise Refused(
                f"messages.{number}.content.0.type: Expected `thinking` or `redacted_thinking`, "
                f"but found `{kind}`. When `thinking` is enabled, a final `assistant` message must "
                "start with a thinking block"
            )


def _check_tools(body: Mapping[str, Any]) -> None:
    names = []
    for number, tool in enumerate(body.get("tools", ())):
        where = f"tools.{number}"
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise Refused(f"{where}.name: Field required")
        if "function" in tool or tool.get("type", "custom") != "custom":
            raise Refused(f"{where}: Input tag '{tool.get('type')}' found using 'type'")
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise Refused(f"{where}.custom.input_schema.type: Field required")
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is not None:
        if not names:
            raise Refused("tool_choice may only be specified while providing tools.")
        if choice.get("type") not in ("auto", "any", "tool", "none"):
            raise Refused("tool_choice: Input tag does not match any of the expected tags")
        if choice["type"] == "tool" and choice.get("name") not in names:
            raise Refused(f"Tool '{choice.get('name')}' not found in provided tools")
    kinds = {block["type"] for m in body["messages"] for block in _blocks(m)}
    if not names and kinds & {"tool_use", "tool_result"}:
        raise Refused("Requests which include `tool_use` or `tool_result` blocks must define tools")


def _blocks(message: Any) -> list[dict[str, Any]]:
    content = message.get("content") if isinstance(message, dict) else None
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def _check_messages(messages: list[Any]) -> None:
    if not messages:
        raise Refused("messages: at least one message is required")
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _BLOCKS:
            raise Refused(f'messages: Unexpected role "{role}".')
        if set(message) != {"role", "content"}:
            raise Refused(f"messages.{number}: Extra inputs are not permitted")
        _check_content(f"messages.{number}", role, message["content"])
    if messages[0]["role"] != "user":
        raise Refused('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant":
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    for number, message in enumerate(messages):
        if message["role"] == "system":
            after = messages[number + 1]["role"] if number + 1 < len(messages) else "assistant"
            if messages[number - 1]["role"] != "user" or after != "assistant":
                raise Refused(f"messages.{number}: role 'system' must follow a user turn")
    _check_calls(messages)


def _check_calls(messages: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for number, message in enumerate(messages):
        before = _blocks(messages[number - 1]) if number else []
        asked = [block["id"] for block in before if block["type"] == "tool_use"]
        answered = []
        blocks = _blocks(message)
        for index, block in enumerate(blocks):
            where = f"messages.{number}.content.{index}"
            if block["type"] == "tool_use":
                if block["id"] in seen:
                    raise Refused("messages: `tool_use` ids must be unique")
                seen.add(block["id"])
            if block["type"] != "tool_result":
                continue
            if block["tool_use_id"] not in asked:
                raise Refused(
                    f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
            if block["tool_use_id"] in answered:
                raise Refused(f"{where}: each tool_use must have a single result")
            if any(earlier["type"] != "tool_result" for earlier in blocks[:index]):
                raise Refused(f"{where}: tool_result blocks must come first")
            answered.append(block["tool_use_id"])
        if missing := [id_ for id_ in asked if id_ not in answered]:
            raise Refused(
                f"messages.{number - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )


def _check_content(where: str, role: str, content: Any) -> None:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        raise Refused(f"{where}.content: Input should be a valid list")
    if not blocks:
        raise Refused(f"{where}: all messages must have non-empty content")
    for index, block in enumerate(blocks):
        _check_block(f"{where}.content.{index}", role, block)
    kinds = [block["type"] for block in blocks]
    if kinds[-1] in ("thinking", "redacted_thinking"):
        raise Refused(f"{where}: The final block in an assistant message cannot be `thinking`.")


def _check_block(where: str, role: str, block: Any) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in _BLOCKS[role]:
        raise Refused(f"{where}: Input tag '{kind}' found using 'type' does not match")
    for name, expected in _FIELDS[kind].items():
        if not isinstance(block.get(name), expected):
            raise Refused(f"{where}.{kind}.{name}: Input should be a valid {expected.__name__}")
    if kind == "text":
        if not block["text"]:
            raise Refused("messages: text content blocks must be non-empty")
        if not block["text"].strip():
            raise Refused("messages: text content blocks must contain non-whitespace text")
    if kind == "search_result":
        _check_content(where, "system", block["content"])
    for name in ("title", "context") if kind == "document" else ():
        if not isinstance(block.get(name, ""), str):
            raise Refused(f"{where}.document.{name}: Input should be a valid string")
    if kind in ("image", "document"):
        _check_source(where, kind, block["source"])
    if kind == "tool_result":
        if "content" in block:
            inner = block["content"]
            _check_content(where, "user", inner)
        elif block.get("is_error"):
            raise Refused(f"{where}.tool_result: content cannot be empty if `is_error` is true")


def _check_source(where: str, kind: str, source: Mapping[str, Any]) -> None:
    if kind == "document" and source.get("type") == "content":
        content = source.get("content")
        _check_content(f"{where}.document.source", "system", content)
        return
    needed = {
        "base64": ("media_type", "data"),
        "url": ("url",),
        "file": ("file_id",),
        "text": ("media_type", "data"),
    }.get(source.get("type", ""))
    if needed is None or (kind == "image" and source["type"] == "text"):
        raise Refused(f"{where}.{kind}.source: Input tag '{source.get('type')}' does not match")
    for name in needed:
        if not isinstance(source.get(name), str) or not source[name]:
            raise Refused(f"{where}.{kind}.source.{source['type']}.{name}: Field required")
