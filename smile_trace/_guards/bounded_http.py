"""Replies of servers that nobody vouches for: bounded in size, not packed, from the server asked.

Event hooks of httpx and its relatives, called before a body is read. No client is named here,
because those below openai's have changed with its releases.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

MAX_REPLY_MB = 8.0
"""Megabytes that a reply may have, unless the settings say otherwise."""
HEADERS = {"Accept-Encoding": "identity"}
"""Sent with every request, because a packed reply would be unpacked in memory at any size."""

CHARSETS = frozenset(("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"))
"""Charsets that replies are decoded by; others count as UTF-8, because some of Python's (`hex`,
`idna`, `rot13`) decode no text and raise whatever they like."""


class ReplyRefused(Exception):
    """A reply that is not read on, or a redirect that is not followed; the message says why."""


class TooLarge(ReplyRefused):
    """A reply that is too large."""

    def __init__(self, max_mb: float) -> None:
        super().__init__(
            f"the server's reply is larger than {max_mb:g} MB: check that the address is right, or "
            "raise max_reply_mb"
        )


class Packed(ReplyRefused):
    """A reply that is compressed, although that was not accepted."""

    def __init__(self) -> None:
        super().__init__(
            "the server compresses its reply although the request does not accept that: switch "
            "the compression off there"
        )


class Redirected(ReplyRefused):
    """A redirect to another server, or from https to http."""

    def __init__(self, location: str) -> None:
        super().__init__(
            "the server redirects to another one, which is not followed, because prompts "
            "would be sent there: correct the address"
        )
        self.location = location


def bounded(max_mb: float) -> Callable[[Any], Awaitable[None]]:
    """A response hook of an asynchronous client that raises ReplyRefused for unwanted replies."""
    largest = int(max_mb * 10**6)

    async def read(response: Any) -> None:
        check_redirect(str(response.request.url), response.status_code, response.headers)
        check_headers(response.headers, max_mb)
        chunks, size = [], 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > largest:
                await response.aclose()
                raise TooLarge(max_mb)
            chunks.append(chunk)
        response._content = b"".join(chunks)  # what aread() sets, and finds
        if (response.charset_encoding or "utf-8").lower() not in CHARSETS:
            response.encoding = "utf-8"

    return read


def check_headers(headers: Any, max_mb: float) -> None:
    """Check a reply's headers; raises ReplyRefused if it is packed or too large."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        raise Packed
    length = headers.get("Content-Length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > max_mb * 10**6):
        raise TooLarge(max_mb)


def check_redirect(asked: str, status: int, headers: Any) -> None:
    """Raise Redirected if a reply sends us to another server."""
    location = headers.get("Location")
    if not 300 <= status < 400 or location is None:
        return
    try:
        target = urljoin(asked, location)
        same = same_server(asked, target)
    except ValueError:
        target, same = location, False
    if not same:
        raise Redirected(target)


def same_server(asked: str, target: str) -> bool:
    """Whether `target` is the server of `asked`, or the same host with https in place of http."""
    one, other = urlsplit(asked), urlsplit(target)
    if one.hostname != other.hostname:
        return False
    ports = {"http": 80, "https": 443}
    before = one.scheme, one.port or ports.get(one.scheme)
    after = other.scheme, other.port or ports.get(other.scheme)
    return before == after or (before, after) == (("http", 80), ("https", 443))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait for, ≥ 0: either form of `Retry-After` (RFC 9110,
    section 10.2.3), else `RateLimit-Reset`; None if missing or unreadable."""
    for name in ("retry-after", "ratelimit-reset"):
        value = next((v for key, v in headers.items() if key.lower() == name), "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            return float(value)
        if value and name == "retry-after":
            return _seconds_until(value)
    return None


def _seconds_until(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
        return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None
