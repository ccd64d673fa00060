"""One connection to a receiver: OTLP/JSON, gzip, kept open between two requests.

Source: the OTLP specification 1.x, "OTLP/HTTP". Two things differ from it, because nothing may be
lost here. A status that says nothing about the data (401, 404, 500, …) is retried, too: somebody
will mend the token or the address. And a refusal of the data counts only if the receiver takes an
empty request, which tells a broken line from a wrong address.
"""

import gzip
import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from smile_trace._guards import foreign
from smile_trace._guards.bounded_http import retry_after
from smile_trace._guards.presentable import presentable
from smile_trace.ship.settings import Ship
from smile_trace.trust.settings_file import SettingsError

REFUSING = (400, 413, 415, 422)
"""Statuses that blame the data, or its size."""
CONNECTION_SECONDS = 60.0
"""A new connection lets a load balancer choose again, so that an added receiver gets its share."""
MAX_ANSWER = 2**16


class Unavailable(Exception):
    """Nothing was decided about the request: try again, after `seconds` if given."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(presentable(reason))
        self.seconds = seconds


class Refused(Exception):
    """The receiver takes requests, but not this one; the message says why."""


@dataclass(frozen=True)
class Taken:
    """How many items a receiver that answered 200 has rejected, and why the first of them."""

    rejected: int = 0
    reason: str = ""


class Client:
    """Sends requests to one receiver; raises SettingsError if the file of `ship.ca_file` is
    unusable."""

    def __init__(self, settings: Ship) -> None:
        parts = urlsplit(settings.url or "")
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path
        self._timeout = settings.timeout_seconds
        self._tls = _tls(settings) if self._https else None
        self._headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": "smile-trace",
        }
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token}"
        self._connection: http.client.HTTPConnection | None = None
        self._opened_at = 0.0

    def send(self, signal: str, body: bytes) -> Taken:
        """Send an OTLP/JSON body of the `signal` "traces" or "logs". Raises Refused if this body is
        not taken; another one would be; Unavailable if no answer says anything about the body."""
        status, headers, answer = self._request(signal, body)
        if status == 200:
            return _taken(answer)
        said = f"{status} {_message(answer)}".strip()
        if status in REFUSING:
            empty = b'{"resourceSpans":[]}' if signal == "traces" else b'{"resourceLogs":[]}'
            if self._request(signal, empty)[0] == 200:
                raise Refused(presentable(said))
        raise Unavailable(f"it answers {said}", retry_after(headers))

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self, signal: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        packed = gzip.compress(body, 1)
        if self._connection is not None and time.monotonic() - self._opened_at > CONNECTION_SECONDS:
            self.close()
        used = self._connection is not None
        try:
            return self._exchange(signal, packed)
        except ConnectionError as error:
            if not used:
                raise Unavailable(f"it cannot be reached: {error}") from None
        # An idle connection is closed by the other side at any moment, the next one is not.
        try:
            return self._exchange(signal, packed)
        except ConnectionError as error:
            raise Unavailable(f"it cannot be reached: {error}") from None

    def _exchange(self, signal: str, packed: bytes) -> tuple[int, dict[str, str], bytes]:
        try:
            connection = self._connection or self._open()
            connection.request("POST", f"{self._path}/v1/{signal}", packed, self._headers)
            asked = time.monotonic()
            with _ending(connection.sock, self._timeout):
                reply = connection.getresponse()
                answer = reply.read(MAX_ANSWER)
            if time.monotonic() - asked >= self._timeout:  # this may be half of the answer
                raise OSError("no whole answer in time")
            if not reply.isclosed():  # longer than any answer is
                self.close()
            return reply.status, dict(reply.getheaders()), answer
        except ConnectionError:
            self.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            said = str(error) or type(error).__name__
            raise Unavailable(f"it cannot be reached: {said}") from None

    def _open(self) -> http.client.HTTPConnection:
        if self._https:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._tls
            )
        else:
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout
            )
        self._opened_at = time.monotonic()
        return self._connection


@contextmanager
def _ending(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Shut a connection down after so long: its own time-out bounds each silence, not an answer of
    which a byte comes now and then."""

    def end() -> None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _tls(settings: Ship) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl's errors are some, too
        raise SettingsError(
            f"{settings.ca_file} (ship.ca_file) cannot be used ({error.strerror}): name a PEM file"
        ) from None


def _taken(answer: bytes) -> Taken:
    try:
        partial = foreign.decode(answer or b"{}", lenient=True).get("partialSuccess", {})
        counts = (partial.get(name) or 0 for name in ("rejectedSpans", "rejectedLogRecords"))
        rejected = sum(max(0, foreign.integer(count)) for count in counts)
        return Taken(rejected, presentable(str(partial.get("errorMessage", ""))))
    except foreign.MISREAD:
        return Taken()


def _message(answer: bytes) -> str:
    try:
        return str(foreign.decode(answer, lenient=True)["message"])[:300]
    except foreign.MISREAD:
        return answer[:80].decode("utf-8", "replace")


FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
LONGEST_ASKED_SECONDS = 600.0
"""The longest `Retry-After` that is believed."""


class Backoff:
    """Seconds between two attempts: doubled each time, and between half of that and all of it, so
    that a thousand hosts do not come back at once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS

    def reset(self) -> None:
        """Begin anew after an answer."""
        self._next = FIRST_SECONDS

    def seconds(self, asked: float | None) -> float:
        """How long to wait now; at least the `asked` seconds of the receiver."""
        own = self._next * self._chance.uniform(0.5, 1.0)
        self._next = min(2 * self._next, LONGEST_SECONDS)
        return own if asked is None else max(own, min(asked, LONGEST_ASKED_SECONDS))
