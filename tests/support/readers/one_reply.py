"""A client of a tracker or source whose every request gets the same reply, without a network."""

from collections.abc import Coroutine, Mapping
from typing import Any

import httpx

from smile_trace.trackers.http import HttpClient

COUNT = b"COUNT-OF-REQUESTS"
"""What stands for it in a reply: a cursor that is never the same, and pages without end."""

Reply = tuple[int, httpx.Headers, bytes]
"""Status, headers and body."""


class OneReply:
    """In place of the network under a client: everything else of it runs.

    `reply` is given to every request.
    """

    def __init__(self, client: HttpClient) -> None:
        self.reply: Reply = (200, httpx.Headers(), b"")
        self._client = client
        self._requests = 0
        client._client._transport = httpx.MockTransport(self._answer)
        client._client._mounts = {}
        client._wait_for = _run  # type: ignore[method-assign]
        client.put_elsewhere = self._put  # type: ignore[method-assign]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._requests += 1
        status, headers, body = self.reply
        content = body.replace(COUNT, str(self._requests).encode())
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))

    def _put(self, url: str, content: bytes, *, headers: Mapping[str, str] = {}) -> httpx.Response:
        return self._client.request("PUT", url, content=content, headers=dict(headers))


def _run(sending: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
    """Nothing in it has to wait: no event loop is needed."""
    try:
        sending.send(None)
    except StopIteration as done:
        response: httpx.Response = done.value
        return response
    raise AssertionError("it waited for something")
