"""Bounds on what `requests` reads, for trackers whose own client brings a session of it.

A time-out of requests bounds a silence, not a reply: a server that sends a byte now and then holds
it for ever. Here a reply has a deadline and a size, and comes from the server asked.
"""

import socket
import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from smile_trace._guards.bounded_http import HEADERS, TooLarge, check_headers, check_redirect

_current = threading.local()
"""`deadline` of the request that this thread is making; `reply`: its last response."""


def last_reply() -> requests.Response | None:
    """Return this thread's last response, for details that a client's own error leaves out."""
    return getattr(_current, "reply", None)


def bound(session: requests.Session, prefix: str, *, seconds: float, max_reply_mb: float) -> None:
    """Mount a `BoundedAdapter` on a session for addresses that begin with `prefix`. Its retries on
    statuses are removed: they would read a refused reply to its end."""
    replaced = session.get_adapter(prefix)
    bounded = BoundedAdapter(seconds, max_reply_mb)
    if isinstance(replaced, HTTPAdapter):
        bounded.max_retries = replaced.max_retries.new(
            status=0, status_forcelist=(), respect_retry_after_header=False
        )
    session.mount(prefix, bounded)


class BoundedAdapter(HTTPAdapter):
    """An adapter whose `send` raises `requests.ReadTimeout` if the reply is not complete after
    `seconds`, and `ReplyRefused` if it is too large, packed, or redirects to another server."""

    def __init__(self, seconds: float, max_reply_mb: float) -> None:
        self._seconds, self._max_reply_mb = seconds, max_reply_mb
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Let the deadline know the connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Let the deadline know the connections to a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        """Return the response, read whole."""
        request.headers.update(HEADERS)
        options["stream"] = True
        deadline = _current.deadline = _Deadline(self._seconds)
        _current.reply = None
        try:
            response = super().send(request, *args[1:], **options)
            check_redirect(str(request.url), response.status_code, response.headers)
            check_headers(response.headers, self._max_reply_mb)
            content = _read(response, self._max_reply_mb)
        except (OSError, requests.RequestException) as error:
            if deadline.expired:
                raise requests.ReadTimeout("no whole reply in time", request=request) from error
            raise
        finally:
            _current.deadline = None
            deadline.end()
        if deadline.expired:  # the connection was shut down: this may be half of the reply
            raise requests.ReadTimeout("no whole reply in time", request=request)
        response._content = content
        response._content_consumed = True  # type: ignore[attr-defined]
        _current.reply = response
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


class _Watchdog:
    """One thread for the deadlines of all requests: starting one for each takes as long as half of
    the request."""

    def __init__(self) -> None:
        self._deadlines: set[_Deadline] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: "_Deadline") -> None:
        with self._changed:
            self._deadlines.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # as after a fork
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, deadline: "_Deadline") -> None:
        with self._changed:
            self._deadlines.discard(deadline)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._deadlines)
                late = [one for one in self._deadlines if one.until <= time.monotonic()]
                self._deadlines.difference_update(late)
            for deadline in late:
                deadline.expire()
            time.sleep(_TICK)


_TICK = 0.05
"""Seconds by which a request may pass its deadline."""
_watchdog = _Watchdog()


class _Deadline:
    """Shuts down the connections of a request when its time is up, wherever it waits then."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self.until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        _watchdog.add(self)

    def watch(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.append(connected)
            if self.expired:
                _shut_down(connected)

    def end(self) -> None:
        _watchdog.remove(self)
        with self._lock:
            self._sockets.clear()

    def expire(self) -> None:
        with self._lock:
            self.expired = True
            for connected in self._sockets:
                _shut_down(connected)


def _shut_down(connected: socket.socket) -> None:
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)  # of TLS, too, below its own
    except OSError:  # it is closed already
        return


class _Watched(HTTPConnection):
    """A connection that the deadline of its thread's request knows."""

    def connect(self) -> None:
        super().connect()
        self._watch()

    def request(self, *args: Any, **options: Any) -> None:
        self._watch()
        super().request(*args, **options)

    def _watch(self) -> None:
        deadline = getattr(_current, "deadline", None)
        if deadline is not None and self.sock is not None:
            deadline.watch(self.sock)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


_POOLS = {"http": _Pool, "https": _TlsPool}
