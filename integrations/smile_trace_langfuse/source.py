"""The source: traces that stand in Langfuse, as its SDKs and any OpenTelemetry exporter sent them.

Read over the observations API of version 2, the only one that Langfuse's cloud has since November
2026, and with no delay: it lists observations, the latest first, and knows no traces. So a stretch
of time is cut down until all that began in it come in one reply.

Source: Langfuse 4.16, `web/src/pages/api/public/v2/observations`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field

from smile_trace._guards.presentable import hide, presentable
from smile_trace.dialects import is_ours
from smile_trace.records import JSON, Span
from smile_trace.sources.kit import LatestFirst, asking, iso_ms, read_options, readable, unix_ns
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.http import HttpClient, HttpOptions, Service
from smile_trace_langfuse.observations import FIELDS, NAME, span_of
from smile_trace_langfuse.settings import address, own_keys

_PATH = "api/public/v2/observations"
LISTED = 1000
"""Observations in one reply without content; Langfuse gives no more."""
WITH_CONTENT = 200
"""Observations in one reply with their messages and answers."""
TRACES_PER_REQUEST = 50
"""Traces that are asked for at once: their ids stand in the address."""
MOST_PAGES = 200
"""Pages of one list: one without end ends there."""


class LangfuseSourceOptions(HttpOptions):
    """The options of `[sources.langfuse]`; the keys come from the environment only."""

    url: str | None = None
    """By default that of `[trackers.langfuse]`, then LANGFUSE_BASE_URL, then Langfuse's cloud."""
    environments: tuple[str, ...] = ()
    """Names of the environments of the keys' project whose traces are read (`default`)."""
    timeout_seconds: float = Field(30.0, gt=0, le=300)


class LangfuseSource(Source):
    """Reads the traces of one project of Langfuse: that of the keys."""

    name: ClassVar[str] = NAME

    def __init__(self, url: str, keys: tuple[str, str], options: LangfuseSourceOptions) -> None:
        self._options = options
        self._stretches = LatestFirst()
        hide(keys[1])
        self.url = url.rstrip("/") + "/"
        service = Service(
            name="Langfuse",
            url=self.url,
            timeout_setting="timeout_seconds in [sources.langfuse]",
            credentials="set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
            access="use keys of the project that holds the traces",
            address="url of [sources.langfuse] (LANGFUSE_BASE_URL)",
            login="LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
            purpose="read",
        )
        self._http = HttpClient(
            service,
            auth=keys,
            timeout=options.timeout_seconds,
            max_reply_mb=options.max_reply_mb,
        )

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "LangfuseSource | None":
        """See `Source.from_settings`.

        Raises:
            ValueError: an unknown option, no usable address, or no keys.
        """
        checked = read_options(LangfuseSourceOptions, cls.name, options)
        keys = own_keys()
        if not (options or tracker or all(keys)):
            return None
        url = checked.url or str(tracker.get("url") or "")
        return cls(address(url, "[sources.langfuse]", keys), keys, checked)

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """See `Source.may_hold`: the 32 hex digits of OpenTelemetry."""
        return re.fullmatch("[0-9a-f]{32}", trace_id) is not None

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the environments."""
        return self._options.environments

    def read(self, trace_id: str) -> tuple[Span, ...]:
        """See `Source.read`."""
        if not self.may_hold(trace_id):
            return ()
        with asking(), self._http.service.reading():
            return _spans(self._observations([trace_id]).get(trace_id, ()))

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        """See `Source.page`."""
        with asking(), self._http.service.reading():
            listed = partial(self._listed, place)
            ids, until_ms = self._stretches.earliest(listed, since_ms, until_ms, limit)
            traces = []
            for first in range(0, len(ids), TRACES_PER_REQUEST):
                found = self._observations(ids[first : first + TRACES_PER_REQUEST])
                # One that was listed may have begun before, and was read then.
                began = (_began_ms(raw, place) for raw in found.values())
                traces += [
                    readable(trace_id, partial(_spans, raw))
                    for (trace_id, raw), at in zip(found.items(), began, strict=True)
                    if at is not None and since_ms <= at < until_ms
                ]
            return Page(traces=tuple(filter(None, traces)), until_ms=until_ms)

    def _listed(self, place: str, since_ms: int, until_ms: int) -> list[tuple[int, str]] | None:
        """When the observations of a stretch began, and their traces; None where they are more
        than one reply may hold, and the stretch may be divided."""
        wanted = {
            "fields": "core",
            "environment": place,
            "fromStartTime": iso_ms(since_ms),
            "toStartTime": iso_ms(until_ms),
            "limit": str(LISTED),
        }
        pages = self._pages(wanted)
        page, whole = next(pages)
        if not whole and until_ms - since_ms > 1:
            return None
        found = [*page, *(raw for page, _ in pages for raw in page)]
        return [(_start_ms(raw), str(raw["traceId"])) for raw in found if raw["traceId"]]

    def _observations(self, trace_ids: Sequence[str]) -> dict[str, list[Any]]:
        """The observations of traces, by trace."""
        of_traces = {
            "type": "stringOptions",
            "column": "traceId",
            "operator": "any of",
            "value": list(trace_ids),
        }
        wanted = {
            "fields": FIELDS,
            "filter": json.dumps([of_traces]),
            "limit": str(WITH_CONTENT),
        }
        found: dict[str, list[Any]] = {}
        for page, _ in self._pages(wanted):
            for raw in page:
                found.setdefault(str(raw["traceId"]), []).append(raw)
        return found

    def _pages(self, wanted: Mapping[str, str]) -> Iterator[tuple[list[Any], bool]]:
        """The pages of a list, and whether each is the last one."""
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            reply = self._http.get(_PATH, {**wanted, **({"cursor": cursor} if cursor else {})})
            if reply is None:
                raise SourceUnavailable(
                    f"Langfuse at {presentable(self.url)} has no observations API of version 2: "
                    "it needs Langfuse 4 in a write mode of version 4 "
                    "(https://langfuse.com/docs/v4)"
                )
            page, following = reply["data"], reply["meta"].get("cursor")
            if not isinstance(page, list) or not (following is None or isinstance(following, str)):
                raise TypeError("a list without data or cursor")
            yield page, following is None
            if following is None:
                return
            if following == cursor:
                break
            cursor = following
        raise SourceUnavailable("Langfuse is not read on: what it lists does not end")


def _start_ms(raw: Mapping[str, Any]) -> int:
    return unix_ns(raw["startTime"]) // 1_000_000


def _began_ms(observations: Iterable[Mapping[str, Any]], place: str) -> int | None:
    """When a trace began in an environment."""
    times = (_start_ms(raw) for raw in observations if raw.get("environment") == place)
    return min(times, default=None)


def _spans(observations: Sequence[Any]) -> tuple[Span, ...]:
    """The finished spans of a trace without ours."""
    spans = [span for raw in observations if (span := span_of(raw)) is not None]
    spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return tuple(span for span in spans if not is_ours(span))
