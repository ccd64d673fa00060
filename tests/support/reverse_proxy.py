"""A reverse proxy in front of a real server: TLS, credentials and injected errors."""

import http.client
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class ReverseProxy(ThreadingHTTPServer):
    """Passes everything on to the server on `port` of this machine.

    `answer` is a status that everybody gets instead; 0 closes the connection without one.
    `authorization` is the header without which it answers 401.
    """

    daemon_threads = True

    def __init__(
        self, port: int, *, tls: ssl.SSLContext | None = None, authorization: str | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = port
        self.authorization = authorization
        self.answer: int | None = None
        self.uri = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate hangs up: nothing to say."""


@contextmanager
def serving(proxy: ReverseProxy) -> Iterator[ReverseProxy]:
    """Run the proxy in a thread while the block runs."""
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


def own_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority of our own, and the TLS context of a server at 127.0.0.1 that it
    vouches for."""
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    new += ("-nodes", "-days", "2")
    authority, its_key = folder / "authority.pem", folder / "authority-key.pem"
    certificate, key = folder / "server.pem", folder / "server-key.pem"
    for subject, more in (
        ("Our own authority", ("-keyout", its_key, "-out", authority)),
        (
            "127.0.0.1",
            (
                *("-CA", authority, "-CAkey", its_key, "-keyout", key, "-out", certificate),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
                *("-addext", "basicConstraints=critical,CA:FALSE"),
            ),
        ),
    ):
        command = [*new, "-subj", f"/CN={subject}", *map(str, more)]
        subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return authority, context


class _Handler(BaseHTTPRequestHandler):
    server: ReverseProxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wanted = self.server.authorization
        if self.server.answer is not None:
            self._refuse(self.server.answer)
        elif wanted is not None and self.headers.get("Authorization") != wanted:
            self._refuse(401)
        else:
            self._ask(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _ask(self, body: bytes) -> None:
        server = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        kept = {n: v for n, v in self.headers.items() if n.lower() not in _HOP_BY_HOP}
        try:
            server.request(self.command, self.path, body, kept)
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""
