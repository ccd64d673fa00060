"""Requests to a tracker's server, bounded in time, and the meaning of its answers."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpcore
import httpx
from pydantic import Field

from smile_trace._guards import foreign
from smile_trace._guards.addresses import AddressPolicy, AddressRefused
from smile_trace._guards.bounded_http import (
    HEADERS,
    MAX_REPLY_MB,
    ReplyRefused,
    bounded,
    retry_after,
)
from smile_trace._guards.foreign import MISREAD, NotJSON
from smile_trace._guards.presentable import check_address, presentable
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Record
from smile_trace.trackers.fields import json_bytes
from smile_trace.trackers.protocol import Rejected, TrackerUnavailable

BUSY = (408, 429, 502, 503, 504)
"""Statuses of a server that takes nothing for the moment."""

DEADLINE_TIMEOUTS = 6
"""Time-outs that a request may take in all; a single time-out bounds each silence in it."""

Failure = Literal["timeout", "certificate", "connection"]

Params = Mapping[str, str | Sequence[str]]
"""Query parameters; a name with several values is repeated."""


class HttpOptions(Record):
    """Options of a table whose tracker or source uses an `HttpClient`."""

    timeout_seconds: float = Field(10.0, gt=0, le=300)
    """Seconds that the server may be silent in a request; in all it may take six times as long."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Largest reply in megabytes; a larger one is not read."""


class RequestRejected(SmileTraceError):
    """The server rejected one request, and may still take the next.

    `status` is the HTTP status, `service_code` the server's own error code if it gave one; `retry`
    is False if trying again cannot help.
    """

    code = ReasonCode.REJECTED

    def __init__(
        self,
        reason: str,
        *,
        status: int,
        retry: bool,
        service_code: int | str | None = None,
        code: ReasonCode | None = None,
    ) -> None:
        super().__init__(reason, code=code)
        self.status = status
        self.service_code = service_code
        self.retry = retry

    @property
    def missing(self) -> bool:
        """Whether the server answered 404."""
        return self.status == 404

    @property
    def outcome(self) -> Rejected:
        """The outcome of the item that the request was for."""
        code = ReasonCode.NOT_FOUND if self.missing else self.code
        return Rejected(reason=str(self), code=code, retry=self.retry)


@contextmanager
def tolerating(*statuses: int) -> Iterator[None]:
    """Go on after the block if the server rejects a request in it with one of these statuses."""
    try:
        yield
    except RequestRejected as rejected:
        if rejected.status not in statuses:
            raise


@dataclass(frozen=True)
class Service:
    """A tracker's server, and the advice in its error messages.

    `credentials` is the advice if it refuses our credentials (401), `access` if they may not write
    (403), `address` if nothing or something else answers, `certificate` if its certificate cannot
    be verified.

    Args:
        name: what people call it.
        timeout_setting: the setting that holds its time-out.
        login: the variables that hold credentials, which the address must not contain.
        purpose: `write` or `read`, for the message on 403.
    """

    name: str
    url: str
    timeout_setting: str
    credentials: str
    access: str
    address: str
    login: str = "its variables for them"
    certificate: str = "point SSL_CERT_FILE at the authority that signed it"
    purpose: str = "write"

    def __post_init__(self) -> None:
        """Raise `ValueError` if the address contains credentials."""
        check_address(self.url, f"the address of {self.name}", self.login)

    @property
    def _where(self) -> str:
        return f"{self.name} at {presentable(self.url)}"

    def error(
        self, status: int, reply: str, headers: Mapping[str, str] | None = None
    ) -> TrackerUnavailable | RequestRejected:
        """Return the error for a status of 400 and above.

        Args:
            reply: the server's text; its beginning is quoted.
            headers: the response's, by lower-case name or without regard to case.
        """
        reply = one_line(reply)
        if status == 401:
            return TrackerUnavailable(
                f"{self._where} refuses our credentials (401): {self.credentials}"
            )
        if status == 403:
            return TrackerUnavailable(
                f"{self._where} forbids us to {self.purpose} ({reply}): {self.access}"
            )
        if status in BUSY:
            return TrackerUnavailable(
                f"{self._where} is not accepting data at the moment ({status}); nothing needs to "
                "be done, "
                "it is tried again",
                retry_after=retry_after(headers or {}),
            )
        if status == 413:
            return RequestRejected(
                f"this is larger than the {self.name} server takes (413): raise the limit of its "
                "proxy, then run `smile-trace retry`",
                status=status,
                retry=False,
            )
        return RequestRejected(
            f"{self.name} rejected it ({status}: {reply})", status=status, retry=status >= 500
        )

    def unreachable(self, failure: Failure, *, timeout: float = 0.0) -> TrackerUnavailable:
        """Return the error for a missing response; `timeout` in seconds."""
        if failure == "timeout":
            return TrackerUnavailable(
                f"{self._where} did not answer within {timeout:g} s: check that the "
                f"address is right, or raise {self.timeout_setting}"
            )
        if failure == "certificate":
            return TrackerUnavailable(
                f"the certificate of {presentable(self.url)} could not be verified: "
                f"{self.certificate}"
            )
        return TrackerUnavailable(
            f"{self._where} does not answer: check the network, and {self.address}"
        )

    def refused(self, error: ReplyRefused) -> TrackerUnavailable:
        """Return the error for a reply that is not read, or a redirect that is not followed."""
        return TrackerUnavailable(f"{self._where} cannot be used: {error}")

    def misdirected(self, error: AddressRefused) -> RequestRejected:
        """Return the error for a reply that names an address we do not ask."""
        return RequestRejected(
            f"{self._where} refers to an address that is not called: {error}",
            status=200,
            retry=False,
            code=error.code,
        )

    def unreadable(self, error: Exception) -> RequestRejected:
        """Return the error for a reply beyond the bounds, or of an unexpected shape."""
        said = error if isinstance(error, SmileTraceError) else f"{type(error).__name__}: {error}"
        return RequestRejected(
            f"what {self.name} replied cannot be read ({one_line(str(said))})",
            status=200,
            retry=True,
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn errors in reading a reply into `RequestRejected`, or `TrackerUnavailable` if the
        reply is no JSON at all."""
        try:
            yield
        except AddressRefused as error:
            raise self.misdirected(error) from error
        except NotJSON as error:
            raise self.wrong() from error
        except MISREAD as error:
            raise self.unreadable(error) from error

    def wrong(self) -> TrackerUnavailable:
        """Return the error for an answer that comes from something other than the service."""
        root = "/".join(presentable(self.url).split("/")[:3])
        return TrackerUnavailable(
            f"what answers at {root} is not {self.name}: check {self.address}, and that no proxy "
            "or login page is in between"
        )


class HttpClient:
    """JSON over HTTP to one service; proxies and certificate authorities come from the environment.

    Args:
        headers: sent with every request; shown nowhere.
        timeout: seconds that the server may be silent in one request, which may take
            `DEADLINE_TIMEOUTS` times as long in all.
    """

    def __init__(
        self,
        service: Service,
        *,
        headers: Mapping[str, str] = {},
        auth: tuple[str, str] | None = None,
        timeout: float = 10.0,
        max_reply_mb: float = MAX_REPLY_MB,
    ) -> None:
        self.service = service
        self._timeout = timeout
        self._bounded = bounded(max_reply_mb)
        self._policy = AddressPolicy(str(httpx.URL(service.url)))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client = httpx.AsyncClient(
            base_url=service.url,
            headers={**HEADERS, **headers},
            auth=auth,
            timeout=timeout,
            follow_redirects=True,  # within the server: the hooks refuse others
            event_hooks={"request": [self._own], "response": [self._bounded]},
        )

    @classmethod
    def of(
        cls,
        service: Service,
        options: HttpOptions,
        *,
        headers: Mapping[str, str] = {},
        auth: tuple[str, str] | None = None,
    ) -> Self:
        """Make the client with the bounds of a table's options."""
        seconds, megabytes = options.timeout_seconds, options.max_reply_mb
        return cls(service, headers=headers, auth=auth, timeout=seconds, max_reply_mb=megabytes)

    def close(self) -> None:
        """Close the connections."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if not self._loop.is_closed():
            self._loop.close()

    async def _end(self) -> None:
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await self._client.aclose()

    def send(
        self,
        method: str,
        path: str,
        body: JSON = None,
        *,
        params: Params | None = None,
    ) -> Any:
        """Send JSON, or its bytes, and read JSON; None if the answer is empty.

        Raises:
            RequestRejected: the server rejected this request, or its reply cannot be read.
            TrackerUnavailable: it takes nothing now, or something else answers.
        """
        content = body if body is None or isinstance(body, bytes) else json_bytes(body)
        headers = {"Content-Type": "application/json"} if content else {}
        response = self.request(method, path, content=content, headers=headers, params=params)
        if not response.content:
            return None
        with self.service.reading():
            return foreign.decode(response.content, lenient=True)

    def get(self, path: str, params: Params | None = None) -> Any:
        """Read JSON; None on 404. Otherwise raises like `send`."""
        with tolerating(404):
            return self.send("GET", path, params=params)
        return None

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Make any request; `options` are for `httpx.AsyncClient.request`. Raises like `send`."""
        return self._checked(self._client.request(method, url, **options))

    async def _own(self, request: httpx.Request) -> None:
        """Let no request with our credentials leave for another server."""
        self._policy.own_server(str(request.url))

    def put_elsewhere(
        self, url: str, content: bytes, *, headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        """Upload to a signed address of a storage beside the service, without our headers;
        `headers` are those that it was signed with. Raises like `send`, also if the service may not
        name the address."""
        return self._checked(self._elsewhere("PUT", url, content=content, headers=dict(headers)))

    def get_elsewhere(self, url: str) -> bytes:
        """Read from a signed address of a storage beside the service, without our headers. Raises
        like `send`, also if the service may not name the address."""
        response = self._checked(self._elsewhere("GET", url))
        if response.is_redirect:
            raise self.service.wrong()
        return response.content

    async def _elsewhere(self, method: str, url: str, **options: Any) -> httpx.Response:
        await asyncio.to_thread(self._policy.storage, url)
        async with httpx.AsyncClient(
            headers=HEADERS, event_hooks={"response": [self._bounded]}, timeout=self._timeout
        ) as client:
            _guard(client, self._policy)
            return await client.request(method, url, **options)

    def _checked(self, sending: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        try:
            response = self._wait_for(sending)
        except httpx.TimeoutException as error:
            raise self.service.unreachable("timeout", timeout=self._timeout) from error
        except TimeoutError as error:
            deadline = DEADLINE_TIMEOUTS * self._timeout
            raise self.service.unreachable("timeout", timeout=deadline) from error
        except ReplyRefused as error:
            raise self.service.refused(error) from error
        except AddressRefused as error:
            raise self.service.misdirected(error) from error
        except httpx.TransportError as error:
            certificate = "CERTIFICATE" in str(error).upper()
            raise self.service.unreachable(
                "certificate" if certificate else "connection"
            ) from error
        except (httpx.RequestError, httpx.InvalidURL) as error:  # sent in circles, or nowhere
            raise self.service.wrong() from error
        if response.status_code >= 400:
            raise self.service.error(response.status_code, response.text, response.headers)
        return response

    def _wait_for(self, sending: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        """Run a request in the client's own event loop, which can cancel it wherever it waits."""

        async def until_deadline() -> httpx.Response:
            async with asyncio.timeout(DEADLINE_TIMEOUTS * self._timeout):
                return await sending

        with _starting:
            if not self._thread.is_alive():
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(until_deadline(), self._loop).result()


_starting = threading.Lock()


def _guard(client: httpx.AsyncClient, policy: AddressPolicy) -> None:
    """Refuse forbidden addresses at connection time, since a name may resolve differently than when
    it was checked. Connections to proxies of the environment stay as they are."""
    pool = client._transport._pool  # type: ignore[attr-defined]
    pool._network_backend = _Guarded(pool._network_backend, policy)


class _Guarded(httpcore.AsyncNetworkBackend):
    """Resolves names itself and connects only to addresses that the policy has checked."""

    def __init__(self, plain: httpcore.AsyncNetworkBackend, policy: AddressPolicy) -> None:
        self._plain, self._policy = plain, policy

    async def connect_tcp(
        self, host: str, port: int, *args: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        try:
            *others, last = await asyncio.to_thread(self._policy.peers, host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for peer in others:
            try:
                return await self._plain.connect_tcp(peer, port, *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._plain.connect_tcp(last, port, *args, **options)

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


def one_line(text: str) -> str:
    """Shorten a server's text so that it can be shown."""
    return presentable(text, longest=200) or "no reason given"
