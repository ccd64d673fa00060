"""A server that means harm: what it answers is dripped, endless, packed, elsewhere, or nonsense.

It understands no API: every request, whatever its path, gets the one attack that the server was
made with. Bytes are written to the socket as they are, so that nothing corrects them.
"""

import contextlib
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Literal, Self, get_args

Attack = Literal[
    "drip",
    "drip_header",
    "drip_error",
    "endless",
    "endless_error",
    "gigabyte",
    "bomb",
    "redirect",
    "too_long",
    "too_short",
    "nested",
    "garbage",
    "odd_json",
    "echo",
    "infinity",
]
ATTACKS: tuple[Attack, ...] = get_args(Attack)
"""By what they do:

- `drip`, `drip_header`, `drip_error`: a byte now and then, for ever, in the body, the header, or
  the body of a 500;
- `endless`, `endless_error`: as much as the client takes, in chunks, with status 200 or 500;
- `gigabyte`: 1 GB of spaces, and a Content-Length that says so;
- `bomb`: 300 MB of spaces in 300 KB of gzip, though nobody accepted gzip;
- `redirect`: 307 to `elsewhere`, another server, which records what comes;
- `too_long`, `too_short`: a Content-Length that promises more, or less, than is sent;
- `nested`: JSON 100,000 lists deep;
- `garbage`: random bytes that are no JSON;
- `odd_json`: JSON of the wrong shape, with numbers that no float holds;
- `echo`: 400 with the request's own header in its message, between terminal sequences;
- `infinity`: an answer of a model whose log-probabilities are -Infinity.
"""

CHUNK = b" " * 65536
ESCAPES = "\x1b]0;owned\x07\x1b[31m\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\\x9b2J\r\n"
"""OSC (a window title, a link), CSI (colour, clear the screen), and a line break."""


class HostileServer:
    """Answers everything with one attack on a loopback port until it is left.

    `requests` holds header and body of what came, as they were sent; `sent_bytes` is what was
    written to all clients.
    """

    def __init__(self, attack: Attack, *, pause: float = 0.1, elsewhere: str = "") -> None:
        self.attack = attack
        self.requests: list[bytes] = []
        self.sent_bytes = 0
        self._pause = pause
        self._packed = _bomb() if attack == "bomb" else b""
        self._elsewhere = elsewhere
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = _read_request(client)
            if not request:
                return
            self.requests.append(request)
            for piece in self._answer(request):
                if self._stopping.is_set():
                    return
                client.sendall(piece)
                self.sent_bytes += len(piece)
            client.shutdown(socket.SHUT_WR)

    def _answer(self, request: bytes) -> Iterator[bytes]:
        attacks: dict[Attack, Callable[[], Iterator[bytes]]] = {
            "drip": lambda: self._drip(_head(200) + b"\r\n", b" "),
            "drip_error": lambda: self._drip(_head(500) + b"\r\n", b" "),
            "drip_header": lambda: self._drip(_head(200) + b"x: ", b"x"),
            "endless": lambda: _endless(200),
            "endless_error": lambda: _endless(500),
            "gigabyte": lambda: _gigabyte(),
            "bomb": lambda: _whole(200, self._packed, b"Content-Encoding: gzip\r\n"),
            "redirect": lambda: _whole(307, b"", f"Location: {self._elsewhere}\r\n".encode()),
            "too_long": lambda: _whole(200, b"{}", length=1000),
            "too_short": lambda: _whole(200, b'{"choices": []}', length=5),
            "nested": lambda: _whole(200, b"[" * 100_000 + b"]" * 100_000),
            "garbage": lambda: _whole(200, bytes(range(256)) * 40),
            "odd_json": lambda: _whole(200, _ODD),
            "echo": lambda: _whole(400, _echo(request)),
            "infinity": lambda: _whole(200, _INFINITY),
        }
        return attacks[self.attack]()

    def _drip(self, head: bytes, byte: bytes) -> Iterator[bytes]:
        yield head
        while not self._stopping.is_set():
            yield byte
            time.sleep(self._pause)


def _read_request(client: socket.socket) -> bytes:
    """Header and body of one request; empty where the client has left."""
    client.settimeout(30)
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while lengths and len(body) < lengths[0]:
        more = client.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def _head(status: int) -> bytes:
    return (
        f"HTTP/1.1 {status} Something\r\nContent-Type: application/json\r\nConnection: close\r\n"
    ).encode()


def _whole(
    status: int, body: bytes, headers: bytes = b"", *, length: int | None = None
) -> Iterator[bytes]:
    said = len(body) if length is None else length
    yield _head(status) + headers + f"Content-Length: {said}\r\n\r\n".encode() + body


def _endless(status: int) -> Iterator[bytes]:
    yield _head(status) + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK)


def _gigabyte() -> Iterator[bytes]:
    yield _head(200) + b"Content-Length: %d\r\n\r\n" % 2**30
    for _ in range(2**30 // len(CHUNK)):
        yield CHUNK


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = b" " * 2**20
    return b"".join(packer.compress(megabyte) for _ in range(300)) + packer.flush()


def _echo(request: bytes) -> bytes:
    said = f"{ESCAPES} you sent {request.decode('latin-1')} {ESCAPES}"
    return json.dumps({"error": {"message": said}, "message": said, "msg": said}).encode()


_ODD = json.dumps(
    {
        "choices": [[], 5, {"index": {}, "message": 7}],
        "usage": {"prompt_tokens": -5, "completion_tokens": 10**400},
        "data": [{"index": "x", "embedding": [10**400]}],
        "backend_version": [],
        "error": [1],
    }
).encode()

_INFINITY = b"""{"choices": [{"index": 0, "finish_reason": "stop",
 "message": {"role": "assistant", "content": "yes"},
 "logprobs": {"content": [{"token": "yes", "logprob": -Infinity,
   "top_logprobs": [{"token": "yes", "logprob": -Infinity}]}]}}],
 "usage": {"prompt_tokens": 3, "completion_tokens": 1}}"""
