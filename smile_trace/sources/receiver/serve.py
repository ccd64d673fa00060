"""The receiver on a socket: started, stopped, and refused where it would be open to everybody."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from smile_trace._guards.addresses import is_loopback
from smile_trace._guards.private_files import NotPrivate, tighten_folder
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.settings import Receive, Settings
from smile_trace.sources.receiver.app import make_app
from smile_trace.sources.receiver.connections import Connection
from smile_trace.spool import RECEIVED_SUFFIX, Spool, limits

logger = logging.getLogger(__name__)

PORT = 4318
"""OTLP/HTTP's own."""
STOP_SECONDS = 5
"""How long a stop waits for requests under way."""
IDLE_SECONDS = 75
"""How long a connection may be idle: longer than exporters pause between two batches."""
BACKLOG = 128
"""Connections that wait to be accepted, and as many are accepted at once."""


class ReceiverError(SmileTraceError):
    """The receiver cannot run; the message says what to do."""

    code = ReasonCode.SETTINGS_INVALID


def serve(settings: Settings) -> None:
    """Receive until the process is told to stop (SIGTERM, Ctrl-C); the log says where.

    Raises:
        ReceiverError: it cannot listen there, or must not.
    """
    with _listening(settings) as (server, listener):
        server.run(sockets=[listener])


@contextmanager
def receiving(settings: Settings) -> Iterator[None]:
    """Receive meanwhile, in a thread.

    Raises:
        ReceiverError: it cannot listen there, or must not.
    """
    with _listening(settings) as (server, listener):
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="receiver", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(2 * STOP_SECONDS)


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
    """What clients must send.

    Raises:
        ReceiverError: there is none, and others than this machine's users could send.
    """
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
        raise ReceiverError(
            f"cannot listen on {how.host}, port {port} ({said}): choose another receive.port, or "
            "see what listens there: smile-trace receive, a worker with receive.port, a Collector"
        ) from None
    with listener:
        yield listener
