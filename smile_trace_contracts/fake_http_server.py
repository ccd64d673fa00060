"""A base for fake servers: it records requests and injects faults."""

import contextlib
import gzip
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from smile_trace.records import JSON


@dataclass(frozen=True)
class Part:
    """One part of a multipart body."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One request. `target` is the path with the query; `body` is JSON, a list of `Part`, bytes, or
    None if empty; `raw` holds its bytes."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""
    target: str = ""


@dataclass(frozen=True)
class Answer:
    """One answer; a `body` of bytes is sent as it is, any other as JSON."""

    status: int = 200
    body: JSON | bytes = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass
class Fault:
    """A fault that strikes a request in place of the right answer.

    `kind`: `answer` sends `answer`; `close` breaks the connection; `hang` keeps it open without an
    answer for `seconds`, or until the server stops. `method`, and `path` and `body` as substrings,
    select requests. The first `after` of these pass; then `times` of them fail (None = all). With
    `takes_effect` the request is carried out all the same, only its answer is lost.
    """

    kind: Literal["answer", "close", "hang"]
    answer: Answer = field(default_factory=lambda: Answer(500, {"msg": "ordered fault"}))
    path: str = ""
    method: str = ""
    body: str = ""
    after: int = 0
    times: int | None = 1
    seconds: float | None = None
    takes_effect: bool = False

    def strikes(self, request: Request) -> bool:
        """Whether the fault strikes this request; counts it."""
        if self.path not in request.path or (self.method or request.method) != request.method:
            return False
        if self.body.encode() not in request.raw:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FakeHttpServer:
    """A threaded HTTP server on a loopback port that replies with `answer()`.

    `requests` holds the requests in order; `most_in_flight` is the largest number answered at once.
    `faults` may be filled at any time. `latency` is in seconds.
    """

    def __init__(
        self, *, port: int = 0, latency: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.latency = latency
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; requests that hang are let go."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Answer:
        """Return the right answer; called by one thread at a time. If it raises, the traceback goes
        to stderr and the connection is broken."""
        raise NotImplementedError

    def handle(self, request: Request) -> Answer | None:
        """Return the answer, or None to break the connection."""
        with self._lock:
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            fault = next((f for f in self.faults if f.strikes(request)), None)
        answer: Answer | None = None
        try:
            if self.latency:
                time.sleep(self.latency)
            if fault is None or fault.takes_effect:
                with self._lock:
                    answer = self.answer(request)
        finally:
            with self._lock:
                self._in_flight -= 1
        if fault is None:
            return answer
        if fault.kind == "hang":  # not counted: it outlasts its test
            self._stopping.wait(fault.seconds)
        return fault.answer if fault.kind == "answer" else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that went away; print errors of `answer()`."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(server: FakeHttpServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # header and body in one packet

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            answer = server.handle(_request(self, self.rfile.read(length)))
            if answer is None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            raw = answer.body
            body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
            if answer.status == 204:
                body = b""
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler


def _request(handler: BaseHTTPRequestHandler, raw: bytes) -> Request:
    parts = urlsplit(handler.path)
    if handler.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    content_type = handler.headers.get("Content-Type", "")
    body: Any = raw or None
    if content_type.startswith("application/json") and raw:
        body = json.loads(raw)
    elif content_type.startswith("multipart/form-data"):
        body = list(_parts(content_type, raw))
    return Request(
        method=handler.command,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=dict(handler.headers.items()),
        body=body,
        raw=raw,
        target=handler.path,
    )


def _parts(content_type: str, raw: bytes) -> Iterator[Part]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + raw).iter_parts():
        content = part.get_payload(decode=True)
        yield Part(
            name=str(part.get_param("name", "", "content-disposition")),
            filename=part.get_filename(),
            content_type=part.get_content_type(),
            content=content if isinstance(content, bytes) else b"",
        )
