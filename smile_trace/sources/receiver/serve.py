"""The receiver on a socket; it refuses to run where anybody could send.

No silent connection blocks another. uvicorn gives a client any time to send the head of its first
request, and once too many connections are open, answers everybody with 503, health probes too. Here
the head of a request has a deadline, and a connection too many closes the one that has been silent
for longest.
"""

import asyncio
import errno
import fcntl
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from smile_trace._guards.addresses import is_loopback
from smile_trace._guards.private_files import NotPrivate, open_own, tighten_folder
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.settings import Receive, Settings
from smile_trace.sources.receiver.app import make_app
from smile_trace.spool import RECEIVED_SUFFIX, Spool, limits

CONNECTIONS = 800
"""Most open connections; a process usually may have 1,024 files open."""
HEAD_SECONDS = 10.0
"""Longest time for a request's head, from connecting or from the first byte of a later request."""
PIECE = 2**14
"""Bytes parsed before others have their turn: about 2,700 chunks of one byte."""

_of_servers: "WeakKeyDictionary[Any, dict[Connection, None]]" = WeakKeyDictionary()
"""The connections of each server, the longest silent first."""


class Connection(H11Protocol):
    """A connection of HTTP/1.1 with a deadline for requests, which takes turns with others."""

    flow: "_Turns"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = _of_servers.setdefault(self.server_state, {})
        self._deadline: asyncio.TimerHandle | None = None
        self._unparsed = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room if there is none, and wait for a request."""
        super().connection_made(transport)
        self.flow = _Turns(transport)
        if len(self._others) >= CONNECTIONS:
            next((one for one in self._others if not one.is_answering), self).abort()
        if not transport.is_closing():
            self._others[self] = None
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._others.pop(self, None)
        self._unparsed.clear()
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data in pieces."""
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
        """Whether a whole request has come and is not answered yet."""
        return self._is_in_request and not self.cycle.more_body

    def abort(self) -> None:
        """Close the connection at once."""
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
    """Pauses reading while the application has enough, or earlier data waits to be parsed."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._waits = False

    def pause_reading(self) -> None:
        """Note that the application has enough."""
        self._set(read_paused=True, waits=self._waits)

    def resume_reading(self) -> None:
        """Note that the application wants more."""
        self._set(read_paused=False, waits=self._waits)

    def wait_for_turn(self, waits: bool) -> None:
        """Note whether data waits to be parsed."""
        self._set(read_paused=self.read_paused, waits=waits)

    def _set(self, *, read_paused: bool, waits: bool) -> None:
        was_paused = self.read_paused or self._waits
        self.read_paused, self._waits = read_paused, waits
        if was_paused != (read_paused or waits):
            if was_paused:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()


logger = logging.getLogger(__name__)

PORT = 4318
"""The default port of OTLP/HTTP."""
STOP_SECONDS = 5
"""How long a stop waits for requests under way."""
IDLE_SECONDS = 75
"""Longest idle time of a connection: more than exporters pause between two batches."""
LOCK = "receiver.lock"
BACKLOG = 128
"""Connections that wait to be accepted; as many are accepted at once."""


class ReceiverError(SmileTraceError):
    """The receiver cannot run; the message says what to do."""

    code = ReasonCode.SETTINGS_INVALID


class PortTaken(ReceiverError):
    """Another process listens on the receiver's port."""


def serve(settings: Settings) -> None:
    """Receive until SIGTERM or Ctrl-C; `ReceiverError` if it cannot, or must not, listen there."""
    with _listening(settings) as (server, listener):
        # Held while this process lives: workers of this home see that somebody receives for them.
        lock = open_own(settings.home / LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_SH)
        server.run(sockets=[listener])


@contextmanager
def receiving(settings: Settings) -> Iterator[None]:
    """Receive meanwhile, in a thread, unless `smile-trace receive` does on the same home and port;
    `ReceiverError` as in `serve`."""
    with ExitStack() as stack:
        try:
            server, listener = stack.enter_context(_listening(settings))
        except PortTaken:
            if not _is_received(settings):
                raise
            logger.info("smile-trace receive runs on this home: the worker reads what it takes")
            yield
            return
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="receiver", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(2 * STOP_SECONDS)


def _is_received(settings: Settings) -> bool:
    """Whether `smile-trace receive` runs on this home."""
    try:
        lock = open_own(settings.home / LOCK, os.O_RDWR)
    except (NotPrivate, OSError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


@contextmanager
def _listening(settings: Settings) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    how = settings.receive
    token = _token(how)
    _make_private(settings)
    file_limit, spool_limit = limits()
    spool = Spool(
        settings.spool,
        file_limit=file_limit,
        spool_limit=spool_limit,
        suffix=RECEIVED_SUFFIX,
    )
    app = make_app(
        spool,
        max_body=int(how.max_body_mb * 2**20),
        per_second=how.max_mb_per_second * 2**20,
        token=token,
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        http=Connection,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=how.cert,
        ssl_keyfile=how.key,
    )
    _load(config, how)
    with _bound(how) as listener:
        scheme = "http" if how.cert is None else "https"
        host = f"[{how.host}]" if ":" in how.host else how.host
        logger.info("receives OTLP at %s://%s:%s", scheme, host, listener.getsockname()[1])
        try:
            yield uvicorn.Server(config), listener
        finally:
            spool.close()


def _token(how: Receive) -> str | None:
    """Return the clients' token; `ReceiverError` if it is missing and other machines could send."""
    if how.token_env is not None:
        if token := os.environ.get(how.token_env, "").strip():
            return token
        raise ReceiverError(f"the variable {how.token_env} (receive.token_env) is not set")
    if not is_loopback(how.host):
        raise ReceiverError(
            f"{how.host} can be reached from other machines: set receive.token_env to the name of "
            "a variable that holds a token, which clients send as "
            "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20…"
        )
    return None


def _load(config: uvicorn.Config, how: Receive) -> None:
    if how.key is not None and how.cert is None:
        raise ReceiverError("receive.key without receive.cert: name the certificate's file, too")
    try:
        config.load()
    except OSError as error:  # ssl's errors are some, too
        said = getattr(error, "reason", None) or error.strerror
        raise ReceiverError(
            f"the certificate {how.cert} cannot be used ({said}): receive.cert and receive.key "
            "name PEM files that belong together"
        ) from None


def _make_private(settings: Settings) -> None:
    try:
        settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.home, settings.spool):
            tighten_folder(folder)
    except NotPrivate as error:
        raise ReceiverError(f"{error}.") from None
    except OSError as error:
        raise ReceiverError(f"{settings.home} cannot be written ({error.strerror}).") from None


@contextmanager
def _bound(how: Receive) -> Iterator[socket.socket]:
    port = PORT if how.port is None else how.port
    family = socket.AF_INET6 if ":" in how.host else socket.AF_INET
    try:
        listener = socket.create_server((how.host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        said = str(error.strerror).partition(" (while")[0]  # the address, again
        kind = PortTaken if error.errno == errno.EADDRINUSE else ReceiverError
        raise kind(
            f"cannot listen on {how.host}, port {port} ({said}): choose another one (--port, or "
            "receive.port in the settings), or stop what listens there: another smile-trace "
            "receive, a worker with receive.port, a Collector"
        ) from None
    with listener:
        yield listener
