"""The receiver's connections: none that is silent is in the way of another one.

uvicorn gives a client any time to send the head of its first request, and answers everybody with
503, health probes too, once too many connections are open. Here the head of a request has a
deadline, and a connection that is one too many closes the one that has been silent for longest.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 800
"""Open at once; a process usually may have 1,024 files open."""
HEAD_SECONDS = 10.0
"""How long a client may take from connecting to the end of its first request's head, and from the
first byte of a later one."""
PIECE = 2**14
"""Bytes that are parsed before others have their turn: a body in chunks of a byte has some 2,700
chunks in them."""

_of_servers: "WeakKeyDictionary[Any, dict[Connection, None]]" = WeakKeyDictionary()
"""The connections of each server, the one that has been silent for longest first."""


class Connection(H11Protocol):
    """A connection of HTTP/1.1 whose client has to say something, and takes turns with others."""

    flow: "_Turns"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = _of_servers.setdefault(self.server_state, {})
        self._deadline: asyncio.TimerHandle | None = None
        self._unparsed = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room where there is none, and wait for a request."""
        super().connection_made(transport)
        self.flow = _Turns(transport)
        if len(self._others) >= CONNECTIONS:
            next((one for one in self._others if not one.is_answering), self).abort()
        if not transport.is_closing():
            self._others[self] = None
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._others.pop(self, None)
        self._unparsed.clear()
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what was sent, in pieces."""
        if self in self._others:
            self._others[self] = self._others.pop(self)  # the last one, now
        if not self._is_in_request and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.abort)
        is_first = not self._unparsed
        self._unparsed += data
        if is_first:
            self._parse()

    @property
    def is_answering(self) -> bool:
        """Whether a request has come as a whole and is not answered yet."""
        return self._is_in_request and not self.cycle.more_body

    def abort(self) -> None:
        """Close it at once."""
        self._others.pop(self, None)
        self.transport.abort()

    @property
    def _is_in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _parse(self) -> None:
        piece = bytes(self._unparsed[:PIECE])
        if not piece or self.transport.is_closing():
            return
        super().data_received(piece)
        if self._is_in_request:
            self._cancel_deadline()
        del self._unparsed[:PIECE]
        self.flow.wait_for_turn(bool(self._unparsed))
        if self._unparsed:
            self.loop.call_soon(self._parse)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Turns(FlowControl):
    """Reads on where the application wants more, and what was read before is parsed."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._waits = False

    def pause_reading(self) -> None:
        """The application has enough."""
        self._set(read_paused=True, waits=self._waits)

    def resume_reading(self) -> None:
        """The application wants more."""
        self._set(read_paused=False, waits=self._waits)

    def wait_for_turn(self, waits: bool) -> None:
        """Whether something is to be parsed yet."""
        self._set(read_paused=self.read_paused, waits=waits)

    def _set(self, *, read_paused: bool, waits: bool) -> None:
        was_paused = self.read_paused or self._waits
        self.read_paused, self._waits = read_paused, waits
        if was_paused != (read_paused or waits):
            if was_paused:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
