"""A stream of Anthropic's, put together into the message that it would have been.

Source: Anthropic's guide "Streaming messages": a message without content, blocks by their index,
pieces of each, and at the end why it stopped and what it cost.
"""

import json
from typing import Any

from smile_trace.capture.jsonable import field

_PIECES = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}


class MessageStream:
    """The events of a message, as one. The client's own further events are passed over."""

    def __init__(self) -> None:
        self.begun = False
        self._about: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}

    def add(self, event: Any) -> None:
        """Add an event; anything else is passed over."""
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
        """The message."""
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
    """A block as it began, and the pieces that follow."""

    def __init__(self, begun: Any) -> None:
        self._begun = begun
        self._pieces: dict[str, list[str]] = {}

    def add(self, delta: Any) -> None:
        name = _PIECES.get(str(field(delta, "type")), "")
        piece = field(delta, name)
        if isinstance(piece, str):
            self._pieces.setdefault(name, []).append(piece)

    @property
    def whole(self) -> dict[str, Any]:
        names = ("type", "id", "name", "input", "text", "thinking", "signature", "data")
        held = {name: field(self._begun, name) for name in names}
        block = {name: value for name, value in held.items() if value is not None}
        block |= {name: "".join(pieces) for name, pieces in self._pieces.items()}
        arguments = block.pop("partial_json", "")
        return {**block, "input": _decoded(arguments)} if arguments else block


def _decoded(arguments: str) -> Any:
    """The arguments of a call; as text where the stream ended before they did."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
