"""OpenAI's Responses API: a request and an answer are lists of items.

Source: OpenAI's API reference, "Create a model response", `input` and `output`.
"""

import json
from collections.abc import Mapping
from typing import Any

from smile_trace import semconv
from smile_trace._guards.jsonable import field, jsonable, plain_str
from smile_trace.providers.base import (
    Answer,
    MessageDict,
    Part,
    Pieces,
    Provider,
    SentRequest,
    Stream,
    read_messages,
    read_parts,
    tool_call,
    tool_response,
    with_extra,
)
from smile_trace.providers.exchanges import read_parameters, request_attributes, with_metadata

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Types of items that call a tool of the application, and the field of its arguments."""
_RESULTS = ("function_call_output", "custom_tool_call_output")
_MESSAGE = ("role", "content")
FOUND = "file_search_call"
"""The type of an item with what the server found in files."""


class _ResponseStream(Stream):
    """Joins events to the response that the last one holds, or would have held (OpenAI's API
    reference, "Streaming events" of responses)."""

    _DELTAS = {
        "response.output_text.delta": ("output_text", "text"),
        "response.refusal.delta": ("refusal", "refusal"),
        "response.function_call_arguments.delta": (None, "arguments"),
        "response.custom_tool_call_input.delta": (None, "input"),
    }

    def __init__(self) -> None:
        super().__init__()
        self._last: Any = None
        self._items: dict[int, Any] = {}
        self._done: set[int] = set()
        self._pieces: dict[tuple[int, Any], Pieces] = {}

    def add(self, event: Any) -> None:
        kind = field(event, "type")
        if not isinstance(kind, str) or not kind.startswith("response."):
            return
        self.begun = True
        if field(event, "response") is not None:
            self._last = field(event, "response")
        index = field(event, "output_index")
        if not isinstance(index, int):
            return
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._items[index] = field(event, "item")
            if kind.endswith("done"):
                self._done.add(index)
        elif kind in self._DELTAS:
            of, name = self._DELTAS[kind]
            content = field(event, "content_index") if of else None
            self._pieces.setdefault((index, content), Pieces(of)).add(name, field(event, "delta"))

    @property
    def whole(self) -> dict[str, Any]:
        output = field(self._last, "output")
        if not isinstance(output, list) or not output:
            output = [self._item(index) for index in sorted(self._items)]
        about = {
            n: field(self._last, n) for n in ("model", "status", "usage", "incomplete_details")
        }
        return {"id": field(self._last, "id") or "", "output": output, **about}

    def _item(self, index: int) -> Any:
        """Return an item, from its pieces if it did not arrive as a whole."""
        item = self._items[index]
        if index in self._done:
            return item
        pieces = {content: text for (at, content), text in self._pieces.items() if at == index}
        shared = {name: field(item, name) for name in ("type", "id", "role", "call_id", "name")}
        if field(item, "type") != "message":
            named = {k: v for text in pieces.values() for k, v in text.whole.items()}
            return {**shared, "arguments": "", **named}
        contents = [pieces[content] for content in sorted(pieces, key=str)]
        return {**shared, "content": [{"type": t.of, **t.whole} for t in contents]}


class OpenAIResponses(Provider):
    """Request: `input` and `instructions`. Response: a list of items in `output`."""

    name = "openai"
    stream = _ResponseStream

    def read_request(self, request: Mapping[str, Any]) -> SentRequest | None:
        if request.get("messages") is not None or request.get("system") is not None:
            return None
        given, stored = request.get("input"), request.get("prompt")
        if given is None and not isinstance(stored, Mapping):
            return None
        sent = SentRequest(attributes=request_attributes(request))
        sent.attributes[semconv.OPENAI_API_TYPE] = semconv.RESPONSES
        read = [] if given is None else read_messages(given)
        sent.unreadable = read is None
        if read is not None:
            sent.messages = [*_instructions(request), *_joined(read)]
        sent.parameters = read_parameters(request)
        if isinstance(stored, Mapping):
            sent.parameters["prompt"] = jsonable(stored)
        return sent

    def read_message(self, message: Any) -> MessageDict | None:
        """Read an item of the input or the output."""
        kind = field(message, "type")
        if kind == "message" and field(message, "model") is None:  # an Anthropic response has one
            role, parts = field(message, "role"), read_parts(field(message, "content"))
            return with_extra({"role": plain_str(role), "parts": parts}, message, _MESSAGE)
        if field(message, "role") is not None or not isinstance(kind, str):
            return None
        if kind == "reasoning":
            parts = [with_extra(_reasoning(message), message, ("type",))]
            return {"role": "assistant", "parts": parts}
        if kind in _CALLS:
            return {"role": "assistant", "parts": [_call(message, kind)]}
        if kind in _RESULTS:
            result = tool_response(field(message, "call_id"), field(message, "output"))
            known = ("call_id", "output", "type")
            result = with_extra(result, message, known if kind == _RESULTS[0] else known[:2])
            return {"role": "tool", "parts": [result]}
        if kind == FOUND and field(message, "results"):
            return {"role": "assistant", "parts": _found(message)}
        # What a server's own tool did, a reference.
        named = "unknown" if kind == "text" else kind  # a text's content is a text
        return {"role": "assistant", "parts": [{"type": named, "content": jsonable(message)}]}

    def read_response(self, response: Any) -> Answer | None:
        output = field(response, "output")
        if not isinstance(output, list) or not isinstance(field(response, "id"), str):
            return None
        reason = field(field(response, "incomplete_details"), "reason")
        reasons = [str(said) for said in (reason or field(response, "status"),) if said]
        return with_metadata(Answer([_answer(output)], reasons, form="chat"), response)

    def read_chunk(self, chunk: Any) -> str | None:
        text = field(chunk, "delta")
        told = field(chunk, "type") == "response.output_text.delta"
        return text if told and isinstance(text, str) else None


def _answer(output: list[Any]) -> MessageDict:
    parts: list[Part] = []
    for item in output:
        if field(item, "type") == "message" or field(item, "type") in _CALLS:
            parts += [part for message in read_messages([item]) or [] for part in message["parts"]]
    return {"role": "assistant", "parts": parts}


def _instructions(request: Mapping[str, Any]) -> list[MessageDict]:
    given = request.get("instructions")
    if not isinstance(given, str):
        return []
    return [{"role": "system", "parts": read_parts(given), "extra": {"field": "instructions"}}]


def _joined(items: list[MessageDict]) -> list[MessageDict]:
    """Join what the model said in one go (reasoning, a text, tool calls) into one message. The
    server refuses a part of it without the reasoning before it."""
    joined: list[MessageDict] = []
    for item in items:
        if joined and _goes_on(joined[-1], item):
            before = joined.pop()
            item = {**before, **item, "parts": [*before["parts"], *item["parts"]]}
        joined.append(item)
    return joined


def _goes_on(before: MessageDict, item: MessageDict) -> bool:
    if before["role"] != "assistant" or item["role"] != "assistant":
        return False
    thought = all(part["type"] == "reasoning" for part in before["parts"])
    return thought or all(part["type"] == "tool_call" for part in item["parts"])


def _reasoning(item: Any) -> Part:
    told = field(item, "content") or field(item, "summary")
    texts = [field(part, "text") for part in told] if isinstance(told, list | tuple) else []
    return {"type": "reasoning", "content": "\n".join(t for t in texts if isinstance(t, str))}


def _found(item: Any) -> list[Part]:
    """Read a search of files as a call of it, and its result: a list of documents as JSON."""
    id_, extra = field(item, "id"), {"type": FOUND}
    call = tool_call(id_, "file_search", {"queries": field(item, "queries")})
    text = json.dumps(jsonable(field(item, "results")), ensure_ascii=False)
    result = with_extra(tool_response(id_, text), item, ("id", "results"))
    return [{**call, "extra": extra}, result]


def _call(item: Any, kind: str) -> Part:
    where = _CALLS[kind]
    call = tool_call(field(item, "call_id"), field(item, "name"), field(item, where))
    known = ("call_id", "name", where, "type")
    return with_extra(call, item, known if kind == "function_call" else known[:3])
