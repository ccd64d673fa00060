"""Common parts of sources: options, errors, the ids on their spans, whole pages."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from smile_trace import semconv
from smile_trace._guards.foreign import MISREAD
from smile_trace._guards.presentable import presentable
from smile_trace._text.log_context import about
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.records import JSON, Span
from smile_trace.records.base import Options, read_table
from smile_trace.sources.protocol import SourceUnavailable

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that `datetime` holds."""

T = TypeVar("T")

MOST_PAGES = 100
"""Most pages of items that began in one millisecond; a list without end is given up there."""


def read_options(model: type[Options], name: str, options: Mapping[str, JSON]) -> Options:
    """Validate the options of `[sources.NAME]`; the `ValueError` says which is wrong, and why."""
    return read_table(model, f"sources.{name}", options)


@contextmanager
def asking() -> Iterator[None]:
    """Turn errors in asking the backend into `SourceUnavailable` with the same sentence."""
    try:
        yield
    except SourceUnavailable:
        raise
    except SmileTraceError as error:
        refused = error.code is ReasonCode.ADDRESS_REFUSED
        raise SourceUnavailable(str(error), code=error.code if refused else None) from error


def readable(trace_id: str, read: Callable[[], tuple[Span, ...]]) -> tuple[Span, ...]:
    """Return the spans of a page's trace; none, and a line in the log, if it cannot be read."""
    try:
        return read()
    except MISREAD as error:
        unread(trace_id, error)
        return ()


def unread(trace_id: str, error: Exception) -> None:
    """Log that a trace is set aside, and why."""
    said = presentable(error)
    with about(trace_id=trace_id):
        logger.warning("the trace %s cannot be read: %s", presentable(trace_id), said)


def as_text(value: JSON) -> JSON:
    """Return an input or output as the text that it was sent as; None stays None."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def own_ids(name: str, trace_id: str, span_id: str) -> dict[str, JSON]:
    """Return the attributes by which the tracker of the same name finds the span that was read."""
    prefix = f"{semconv.EXTERNAL_PREFIX}{name}."
    return {f"{prefix}trace_id": trace_id, f"{prefix}span_id": span_id}


def whole_milliseconds(
    listed: Callable[[str | None], tuple[list[T], str | None]],
    began_ms: Callable[[T], int],
    until_ms: int,
) -> tuple[list[T], int]:
    """Read the first page of a list in order of time, without splitting a millisecond.

    Args:
        listed: returns a page, by its token, and the token of the next.
        began_ms: the time when an item began, in Unix milliseconds.
        until_ms: the end of the list.

    Returns:
        The items, and the time before which they are complete.

    Raises:
        SourceUnavailable: the backend gives pages without end.
    """
    found, token = listed(None)
    for _ in range(MOST_PAGES):
        if token is None:
            return found, until_ms
        last_ms = min(began_ms(found[-1]), until_ms) if found else until_ms
        whole = [item for item in found if began_ms(item) < last_ms]
        if whole:
            return whole, last_ms
        # All of them began in one millisecond: the rest of it is needed, too.
        asked, (more, token) = token, listed(token)
        if not more or token == asked:
            break
        found += more
    raise SourceUnavailable("reading stops: its list does not end")


class LatestFirst:
    """Pages of a backend that lists the latest traces first. A stretch of time is halved until one
    reply holds all of it, and doubled when it holds little; its length is kept between pages."""

    def __init__(self) -> None:
        self._width_ms = 3_600_000

    def earliest(
        self,
        listed: Callable[[int, int], list[tuple[int, str]] | None],
        since_ms: int,
        until_ms: int,
        limit: int,
    ) -> tuple[list[str], int]:
        """Return the ids of the first traces of a stretch, and the time before which they are
        complete. `listed`: returns the start (Unix milliseconds) and trace id of each item in a
        stretch; None if one reply does not hold them all, but never for a single millisecond.
        `limit`: about how many traces."""
        end_ms = min(until_ms, since_ms + self._width_ms)
        while (found := listed(since_ms, end_ms)) is None:
            self._width_ms = (end_ms - since_ms) // 2
            end_ms = since_ms + self._width_ms
        if len(found) < limit:
            self._width_ms = min(2 * self._width_ms, _LAST_MS)
        first: dict[str, int] = {}
        for at, trace_id in sorted(found):
            first.setdefault(trace_id, at)
        times = sorted(first.values())
        later = [at for at in times[limit:] if at > max(since_ms, times[0])]
        end_ms = min([end_ms, *later[:1]])
        return [trace_id for trace_id, at in first.items() if at < end_ms], end_ms


def iso_ms(unix_ms: int) -> str:
    """Format Unix milliseconds as ISO 8601 in UTC (`2026-11-27T02:05:00.000Z`)."""
    at = _EPOCH + timedelta(milliseconds=min(unix_ms, _LAST_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_ns(text: str) -> int:
    """Return the Unix nanoseconds of an ISO 8601 time, UTC if it names no zone; may raise
    `ValueError`."""
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def hex_id(text: str, digits: int) -> str:
    """Return the text without hyphens if it is an id of so many hex digits, else a hash of it."""
    plain = text.replace("-", "")
    if re.fullmatch(f"[0-9a-f]{{{digits}}}", plain):
        return plain
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
