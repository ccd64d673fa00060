"""Bounds on what `requests` reads, for trackers whose own client brings a session of it.

A time-out of requests bounds a silence, not a reply: a server that sends a byte now and then
holds it for ever. Here a reply has a deadline and a size, and comes from the server asked.
"""

import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from smile_trace._guards.addresses import Gate
from smile_trace._guards.bounded_http import HEADERS, TooLarge, check_headers, check_redirect

_current = threading.local()
"""`deadline` and `gate`: those of the request which this thread is making."""


def bound_adapter(
    adapter: HTTPAdapter, *, seconds: float, max_reply_mb: float, gate: Gate | None = None
) -> HTTPAdapter:
    """The adapter, bounded in place; its certificates, proxies and socket options stay.

    Its retries on statuses go: they would read a refused reply to its end.

    Args:
        adapter: of a session.
        seconds: how long a request may take, to the last byte of its reply.
        max_reply_mb: megabytes that a reply may have.
        gate: what every address has to pass, where others than the server itself are asked.

    Its `send` raises:
        AddressRefused: by the gate.
        requests.ReadTimeout: the reply was not complete at the deadline.
        ReplyRefused: the reply is too large, packed, or a redirect to another server.
    """
    if isinstance(adapter, _Bounded):
        return adapter
    kind = type(adapter)
    adapter.__class__ = type(f"Bounded{kind.__name__}", (_Bounded, kind), {})
    assert isinstance(adapter, _Bounded)
    adapter.seconds, adapter.max_reply_mb, adapter.gate = seconds, max_reply_mb, gate
    adapter.max_retries = adapter.max_retries.new(
        status=0, status_forcelist=(), respect_retry_after_header=False
    )
    adapter.poolmanager.clear()
    _watch_pools(adapter.poolmanager)
    return adapter


class _Bounded(HTTPAdapter):
    seconds: float
    max_reply_mb: float
    gate: Gate | None

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        return _watch_pools(super().proxy_manager_for(*args, **options))

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        request.headers.update(HEADERS)
        options["stream"] = True
        if self.gate is not None:
            self.gate.storage(str(request.url))
        _current.gate = self.gate
        deadline = _current.deadline = _Deadline(self.seconds)
        try:
            response = super().send(request, *args[1:], **options)
            check_redirect(str(request.url), response.status_code, response.headers)
            check_headers(response.headers, self.max_reply_mb)
            content = _read(response, self.max_reply_mb)
        except (OSError, requests.RequestException) as error:
            if deadline.expired:
                raise requests.ReadTimeout("no whole reply in time", request=request) from error
            raise
        finally:
            _current.deadline = _current.gate = None
            deadline.end()
        if deadline.expired:  # the connection was shut down: this may be half of the reply
            raise requests.ReadTimeout("no whole reply in time", request=request)
        response._content = content
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _read(response: requests.Response, max_mb: float) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > max_mb * 10**6:
            response.close()
            raise TooLarge(max_mb)
        chunks.append(chunk)
    return b"".join(chunks)


class _Deadline:
    """Shuts down the connections of a request when its time is up, wherever it waits then."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connected: socket.socket) -> None:
        """Shut this connection down, too."""
        with self._lock:
            self._sockets.append(connected.dup())
            if self.expired:
                self._shut_down()

    def end(self) -> None:
        """The request has ended."""
        self._timer.cancel()
        with self._lock:
            for duplicate in self._sockets:
                duplicate.close()
            self._sockets.clear()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        for duplicate in self._sockets:
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                continue


class _Watched(HTTPConnection):
    """A connection that the deadline of its thread's request knows.

    The duplicate shares the connection with the socket, which a TLS handshake takes over.
    """

    _duplicate: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        gate: Gate | None = getattr(_current, "gate", None) if self.proxy is None else None
        made = super()._new_conn()
        try:
            if gate is not None:  # nothing has been sent yet
                gate.peer(made.getpeername()[0], self.host)
        except BaseException:
            made.close()
            raise
        self._duplicate = made.dup()
        self._watch()
        return made

    def request(self, *args: Any, **options: Any) -> None:
        self._watch()
        super().request(*args, **options)

    def close(self) -> None:
        super().close()
        if self._duplicate is not None:
            self._duplicate.close()
            self._duplicate = None

    def _watch(self) -> None:
        deadline = getattr(_current, "deadline", None)
        if deadline is not None and self._duplicate is not None:
            deadline.watch(self._duplicate)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


def _watch_pools(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
