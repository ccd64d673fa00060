"""What a transport needs of a provider's client, for servers that are asked in OpenAI's format.

The names are those of openai's package, and of anthropic's, so that a transport takes either. The
package itself is not used: it loads hundreds of types, which take longer than everything else that
stands before a first request, and 30 MB.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.records import JSON


class APIError(Exception):
    """A request without the reply that was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIConnectionError(APIError):
    """No reply, or one that broke off or was refused; the cause says why."""


class APITimeoutError(APIConnectionError):
    """No reply in time."""


class APIStatusError(APIError):
    """An HTTP error status; `body` is decoded if it is JSON."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"Error code: {response.status_code}")
        self.status_code = response.status_code
        self.response = response
        try:
            self.body = foreign.decode(response.content, lenient=True)
        except ForeignDataError:
            self.body = response.text


class DefaultAsyncHttpxClient(httpx.AsyncClient):
    """httpx, as a client uses it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(follow_redirects=True, limits=_LIMITS, **options)


_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)


class AsyncClient:
    """Posts JSON to paths below `base_url`, or to whole addresses, and tries nothing again."""

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeout: float,
        http_client: httpx.AsyncClient,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {**headers, "Accept": "application/json"}
        self._timeout = timeout
        self._http = http_client

    async def post(
        self, path: str, *, body: Mapping[str, JSON], cast_to: type, options: Mapping[str, Any]
    ) -> object:
        """Return the reply's JSON, or its text if it is of another type."""
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        content = text.encode()
        try:
            response = await self._http.post(
                path if "://" in path else f"{self._base_url}{path}",
                content=content,
                headers={
                    **self._headers,
                    "Content-Type": "application/json",
                    **options.get("headers", {}),
                },
                timeout=self._timeout,
            )
        except httpx.TimeoutException as error:
            raise APITimeoutError("Request timed out.") from error
        except Exception as error:  # whatever a hostile reply makes httpx raise
            raise APIConnectionError("Connection error.") from error
        if not response.is_success:
            raise APIStatusError(response)
        kind = response.headers.get("Content-Type", "json").split(";")[0].strip()
        return response.json() if kind.endswith("json") else response.text

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
