"""Streams of OpenAI's APIs, put together into the response that they would have been.

Sources: OpenAI's API reference, "Streaming" of chat completions (pieces of a message, those of
each call of a tool by its index) and "Streaming events" of responses (pieces of items, by the
index of the item and of its content).
"""

from typing import Any

from smile_trace.capture.jsonable import field


class ChatStream:
    """The chunks of a chat completion or a completion, as one."""

    def __init__(self) -> None:
        self.begun = False
        self._choices: dict[int, _Choice] = {}
        self._about: dict[str, Any] = {}

    def add(self, chunk: Any) -> None:
        """Add a chunk; anything else is passed over."""
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
                found = self._choices.setdefault(index if type(index) is int else 0, _Choice())
                found.add(delta, text, field(choice, "finish_reason"))

    @property
    def whole(self) -> dict[str, Any]:
        """The completion."""
        choices = [choice.whole for _, choice in sorted(self._choices.items())]
        return {**self._about, "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self._text = _Text()
        self._message = _Text()
        self._calls: dict[Any, _Call] = {}
        self._function: _Call | None = None
        self._reason: Any = None

    def add(self, delta: Any, text: Any, reason: Any) -> None:
        self._reason = reason or self._reason
        self._text.add("text", text)
        for name in ("content", "refusal"):
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
        return {"message": message, "finish_reason": self._reason}


class _Call:
    """The call of a tool: what names it comes once, its arguments in pieces."""

    def __init__(self) -> None:
        self._id: Any = None
        self._kind = "function"
        self._name: Any = None
        self._text = _Text()

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


class ResponseStream:
    """The events of a response, as the response that the last one holds, or would have held."""

    _DELTAS = {
        "response.output_text.delta": ("output_text", "text"),
        "response.refusal.delta": ("refusal", "refusal"),
        "response.function_call_arguments.delta": (None, "arguments"),
        "response.custom_tool_call_input.delta": (None, "input"),
    }

    def __init__(self) -> None:
        self.begun = False
        self._last: Any = None
        self._items: dict[int, Any] = {}
        self._done: set[int] = set()
        self._pieces: dict[tuple[int, Any], _Text] = {}

    def add(self, event: Any) -> None:
        """Add an event; anything else is passed over."""
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
            self._pieces.setdefault((index, content), _Text(of)).add(name, field(event, "delta"))

    @property
    def whole(self) -> dict[str, Any]:
        """The response."""
        output = field(self._last, "output")
        if not isinstance(output, list) or not output:
            output = [self._item(index) for index in sorted(self._items)]
        about = {
            n: field(self._last, n) for n in ("model", "status", "usage", "incomplete_details")
        }
        return {"id": field(self._last, "id") or "", "output": output, **about}

    def _item(self, index: int) -> Any:
        """An item, from its pieces where it did not arrive as a whole."""
        item = self._items[index]
        if index in self._done:
            return item
        found = {content: text for (at, content), text in self._pieces.items() if at == index}
        shared = {name: field(item, name) for name in ("type", "id", "role", "call_id", "name")}
        if field(item, "type") != "message":
            named = {k: v for text in found.values() for k, v in text.whole.items()}
            return {**shared, "arguments": "", **named}
        contents = [found[content] for content in sorted(found, key=str)]
        return {**shared, "content": [{"type": t.of, **t.whole} for t in contents]}


class _Text:
    """Texts by name, each from its pieces; `of` is the type of what holds them."""

    def __init__(self, of: str | None = None) -> None:
        self.of = of
        self._pieces: dict[str, list[str]] = {}

    def add(self, name: str, piece: Any) -> None:
        if isinstance(piece, str):
            self._pieces.setdefault(name, []).append(piece)

    @property
    def whole(self) -> dict[str, str]:
        return {name: "".join(pieces) for name, pieces in self._pieces.items()}
