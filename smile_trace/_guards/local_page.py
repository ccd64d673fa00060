"""A page on this machine: on loopback only, for whoever has its address.

The address holds a token that nobody can guess. Another site's page cannot ask it, since the name
in `Host` and `Origin` must be this server's and nothing allows other origins. The page runs no
script but its own.
"""

import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from smile_trace.errors import SmileTraceError

LOOPBACK = "127.0.0.1"

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class LocalPage(ThreadingHTTPServer):
    """Shows a page to one person, and takes what it posts as JSON to `takes`. `port`: 0 picks a
    free one. Raises SmileTraceError if the port is taken."""

    daemon_threads = True
    takes = ""
    most_bytes = 10_000
    """The longest body that is read."""

    def __init__(self, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise SmileTraceError(
                f"port {port} cannot be used ({error.strerror}): give another --port"
            ) from None

    @property
    def hosts(self) -> tuple[str, str]:
        """The host names under which it may be asked."""
        return f"{LOOPBACK}:{self.server_port}", f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def page(self, nonce: str) -> str:
        """Return the page; its security policy knows its own script and style by the `nonce`."""
        raise NotImplementedError

    def take(self, body: bytes) -> str:
        """Take what the page posts; return JSON, or nothing. Raises ValueError if the body is
        nothing that the page posts; KeyError if it is about something that was not shown;
        SmileTraceError, which the page shows, if it cannot be done."""
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    server: LocalPage
    timeout = 30
    server_version, sys_version = "smile-trace", ""

    def do_GET(self) -> None:
        if self._is_allowed(""):
            nonce = secrets.token_urlsafe(16)
            self._answer(
                HTTPStatus.OK, self.server.page(nonce), "text/html", policy=POLICY.format(nonce)
            )

    def do_POST(self) -> None:
        if self._is_allowed(self.server.takes):
            self._answer(*self._taken())

    def _taken(self) -> tuple[HTTPStatus, str, str]:
        length, text = self.headers.get("Content-Length", ""), "text/plain"
        if self.headers.get_content_type() != "application/json" or not length.isdecimal():
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON", text
        # Python converts no number of thousands of digits.
        if len(length) > 18 or int(length) > self.server.most_bytes:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long", text
        try:
            taken = self.server.take(self.rfile.read(int(length)))
        except SmileTraceError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error), text
        except ValueError:
            return HTTPStatus.UNPROCESSABLE_ENTITY, "this is not a request of the page", text
        except KeyError:
            return HTTPStatus.NOT_FOUND, "the page did not show this", text
        return HTTPStatus.OK if taken else HTTPStatus.NO_CONTENT, taken, "application/json"

    def _is_allowed(self, path: str) -> bool:
        """Whether the request is the page's own; refuse it otherwise."""
        origin = self.headers.get("Origin")
        origins = (None, *(f"http://{host}" for host in self.server.hosts))
        if self.headers.get("Host") not in self.server.hosts or origin not in origins:
            self._answer(HTTPStatus.FORBIDDEN, "this page is for this machine only")
            return False
        wanted = f"/{self.server.token}/{path}"
        if not secrets.compare_digest(self.path.encode(), wanted.encode()):
            self._answer(HTTPStatus.NOT_FOUND, "open the address that the command printed")
            return False
        return True

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        media_type: str = "text/plain",
        policy: str = "default-src 'none'",
    ) -> None:
        body = text.encode("utf-8", "replace")
        self.close_connection = True
        self.send_response(status)
        headers = HEADERS | {
            "Content-Security-Policy": policy,
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the address holds the token."""
