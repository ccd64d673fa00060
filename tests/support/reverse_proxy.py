"""A reverse proxy in front of a real server: TLS, credentials and injected faults."""

import http.client
import ssl
import subprocess
from pathlib import Path

from smile_trace_contracts.fake_http_server import Answer, FakeHttpServer, Request

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_NOT_SENT = _HOP_BY_HOP | {"content-encoding"}
_NOT_RETURNED = _HOP_BY_HOP | {"content-type", "date", "server"}


class ReverseProxy(FakeHttpServer):
    """Passes everything on to the server on `port` of this machine.

    `authorization` is the header without which it answers 401.
    """

    def __init__(
        self, port: int, *, tls: ssl.SSLContext | None = None, authorization: str | None = None
    ) -> None:
        super().__init__(tls=tls)
        self._behind = port
        self._authorization = authorization

    def answer(self, request: Request) -> Answer:
        """What the real server answers."""
        wanted = self._authorization
        if wanted is not None and request.headers.get("Authorization") != wanted:
            return Answer(401, b"")
        server = http.client.HTTPConnection("127.0.0.1", self._behind, timeout=60)
        sent = {n: v for n, v in request.headers.items() if n.lower() not in _NOT_SENT}
        try:
            server.request(request.method, request.target, request.raw, sent)
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        headers = {n: v for n, v in answer.getheaders() if n.lower() not in _NOT_RETURNED}
        content_type = answer.getheader("Content-Type") or "application/octet-stream"
        return Answer(answer.status, content, headers, content_type)


def own_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority of our own, and the TLS context of a server at 127.0.0.1 that it
    vouches for."""
    new: tuple[str, ...] = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    )
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
