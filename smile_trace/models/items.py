"""What is sent to a server: a request with its body, several where a server takes a list."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from smile_trace.models.base import Request
from smile_trace.records import JSON, Response

Read = Callable[[Response, dict[str, JSON]], Response]
"""Makes the final response from the parsed one and the server's raw choice."""

_READ_FIRST = ("tools", "system", "instructions", "prompt", "messages", "input")
"""What a body asks, in the order in which servers make it one text."""


@dataclass(frozen=True)
class Item:
    """One request with the body and the path that it is sent as.

    Where a given `answer` is scored, `read` turns the response into its score.
    """

    request: Request
    path: str
    body: dict[str, JSON]
    answer: str | None = None
    read: Read | None = None

    @property
    def beginning(self) -> str:
        """Sorts those next to each other that are the same from the beginning."""
        return json.dumps([self.body.get(name) for name in _READ_FIRST])


@dataclass(frozen=True)
class Batch:
    """Items that share one HTTP request; `indices` are their places among all items."""

    indices: tuple[int, ...]
    items: tuple[Item, ...]

    @property
    def path(self) -> str:
        """The path of the HTTP request."""
        return self.items[0].path

    @property
    def body(self) -> dict[str, JSON]:
        """The body of the HTTP request: a list of prompts where there are several items."""
        body = self.items[0].body
        if len(self.items) == 1:
            return body
        return {**body, "prompt": [item.body["prompt"] for item in self.items]}

    def split(self) -> list["Batch"]:
        """One batch per item."""
        pairs = zip(self.indices, self.items, strict=True)
        return [Batch((index,), (item,)) for index, item in pairs]
