"""The source: traces in Langfuse, as its SDKs and any OpenTelemetry exporter sent them.

It reads the observations API of version 2, the only one of Langfuse's cloud since November 2026,
which has no delay. That lists observations, the latest first, and knows no traces, so a stretch of
time is cut down until one reply holds all that began in it.

Source: Langfuse 4.16, `web/src/pages/api/public/v2/observations`, `OtelIngestionProcessor.ts` and
`observations_converters.ts`; langfuse 5, `_client/attributes.py`, for the attributes of a span.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.presentable import presentable
from smile_trace.dialects import is_ours
from smile_trace.records import JSON, Span
from smile_trace.sources.kit import (
    LatestFirst,
    as_text,
    asking,
    hex_id,
    iso_ms,
    own_ids,
    read_options,
    readable,
    unix_ns,
)
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.batches import pages
from smile_trace.trackers.fields import known
from smile_trace.trackers.http import HttpOptions
from smile_trace_langfuse.server import (
    OBSERVATIONS,
    TRACES_PER_REQUEST,
    LangfuseServer,
    own_keys,
)

FIELDS = "core,basic,io,metadata,model,usage,prompt"
LISTED = 1000
"""Observations in one reply without content, Langfuse's maximum."""
WITH_CONTENT = 200
"""Observations in one reply with their messages and answers."""

_PREFIX = "langfuse.observation."
_EVENT = "EVENT"
"""The type of an observation that has no duration."""
_KINDS = (f"attributes.{semconv.KIND}", semconv.KIND)
"""The metadata keys in which smile-trace marks its own spans."""


class LangfuseSourceOptions(HttpOptions):
    """The options of `[sources.langfuse]`; the keys come from the environment only."""

    url: str | None = None
    """Defaults to that of `[trackers.langfuse]`, then LANGFUSE_BASE_URL, then Langfuse's cloud."""
    environments: tuple[str, ...] = ()
    """Names of the environments of the keys' project whose traces are read (`default`)."""
    timeout_seconds: float = Field(30.0, gt=0, le=300)


class LangfuseSource(Source):
    """Reads the traces of the keys' project."""

    name: ClassVar[str] = "langfuse"

    def __init__(self, url: str | None, keys: tuple[str, str], options: LangfuseSourceOptions):
        self._options = options
        self._stretches = LatestFirst()
        self._server = LangfuseServer(url, keys, options, "sources.langfuse")
        self.url = self._server.url

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "LangfuseSource | None":
        """See `Source.from_settings`. Raises `ValueError` on an unknown option, or if there is no
        usable address or key."""
        checked = read_options(LangfuseSourceOptions, cls.name, options)
        keys = own_keys()
        if not (options or tracker or all(keys)):
            return None
        return cls(checked.url or str(tracker.get("url") or ""), keys, checked)

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """See `Source.may_hold`: the 32 hex digits of OpenTelemetry."""
        return re.fullmatch("[0-9a-f]{32}", trace_id) is not None

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the environments."""
        return self._options.environments

    def read(self, trace_id: str) -> tuple[Span, ...]:
        if not self.may_hold(trace_id):
            return ()
        with asking(), self._server.reading():
            return _spans(self._observations([trace_id]).get(trace_id, ()))

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        with asking(), self._server.reading():
            listed = partial(self._listed, place)
            ids, until_ms = self._stretches.earliest(listed, since_ms, until_ms, limit)
            traces = []
            for first in range(0, len(ids), TRACES_PER_REQUEST):
                read = self._observations(ids[first : first + TRACES_PER_REQUEST])
                for trace_id, raw in read.items():
                    # One that was listed may have begun before, and was read then.
                    began = _began_ms(raw, place)
                    if began is not None and since_ms <= began < until_ms:
                        traces.append(readable(trace_id, partial(_spans, raw)))
            return Page(traces=tuple(filter(None, traces)), until_ms=until_ms)

    def _listed(self, place: str, since_ms: int, until_ms: int) -> list[tuple[int, str]] | None:
        """Return the start and trace of each observation of a stretch; None if one reply does not
        hold them all and the stretch can be divided."""
        stretch = {"fromStartTime": iso_ms(since_ms), "toStartTime": iso_ms(until_ms)}
        wanted = {"fields": "core", "environment": place, "limit": str(LISTED), **stretch}
        pages = self._pages(wanted)
        page, is_last = next(pages)
        if not is_last and until_ms - since_ms > 1:
            return None
        items = [*page, *(raw for page, _ in pages for raw in page)]
        return [(_start_ms(raw), str(raw["traceId"])) for raw in items if raw["traceId"]]

    def _observations(self, trace_ids: Sequence[str]) -> dict[str, list[Any]]:
        among = {"column": "traceId", "operator": "any of", "value": list(trace_ids)}
        condition = json.dumps([{"type": "stringOptions", **among}])
        by_trace: dict[str, list[Any]] = {}
        for page, _ in self._pages(
            {"fields": FIELDS, "filter": condition, "limit": str(WITH_CONTENT)}
        ):
            for raw in page:
                by_trace.setdefault(str(raw["traceId"]), []).append(raw)
        return by_trace

    def _pages(self, wanted: Mapping[str, str]) -> Iterator[tuple[list[Any], bool]]:
        """Yield the pages of a list, and whether each is the last one."""

        def ask(cursor: str | None) -> tuple[tuple[list[Any], bool], str | None]:
            params = {**wanted, **({"cursor": cursor} if cursor else {})}
            reply = self._server.http.get(f"api/public/{OBSERVATIONS}", params)
            if reply is None:
                raise SourceUnavailable(
                    f"Langfuse at {presentable(self.url)} has no observations API of version 2: "
                    "it needs Langfuse 4 in a write mode of version 4 "
                    "(https://langfuse.com/docs/v4)"
                )
            page, following = reply["data"], reply["meta"].get("cursor")
            if not isinstance(page, list) or not (following is None or isinstance(following, str)):
                raise TypeError("a list without data or cursor")
            return (page, following is None), following

        return pages(ask, SourceUnavailable("reading Langfuse stops: its list does not end"))


def _start_ms(raw: Mapping[str, Any]) -> int:
    return unix_ns(raw["startTime"]) // 1_000_000


def _began_ms(observations: Iterable[Mapping[str, Any]], place: str) -> int | None:
    """Return the time when a trace began in an environment."""
    times = (_start_ms(raw) for raw in observations if raw.get("environment") == place)
    return min(times, default=None)


def _spans(observations: Sequence[Any]) -> tuple[Span, ...]:
    """Return the finished spans of a trace without ours."""
    spans = [span for raw in observations if (span := _span(raw)) is not None]
    spans.sort(key=lambda span: (span.start_ns, span.span_id))
    return tuple(span for span in spans if not is_ours(span))


# -- an observation, as Langfuse's SDK exports its span ---------------------------------------


def _span(raw: Mapping[str, Any]) -> Span | None:
    """Return the span of an observation; None if it has not ended."""
    start_ns = unix_ns(raw["startTime"])
    ended = raw.get("endTime")
    if ended is None and raw["type"] != _EVENT:
        return None
    trace_id, span_id = str(raw["traceId"]), str(raw["id"])
    parent = raw.get("parentObservationId")
    attributes = {**_attributes(raw), **own_ids(LangfuseSource.name, trace_id, span_id)}
    foreign.check(attributes)
    return Span(
        trace_id=hex_id(trace_id, 32),
        span_id=hex_id(span_id, 16),
        parent_id=hex_id(str(parent), 16) if parent else None,
        name=str(raw.get("name") or ""),
        start_ns=start_ns,
        end_ns=start_ns if ended is None else unix_ns(ended),
        attributes=attributes,
        status="error" if raw.get("level") == "ERROR" else "unset",
        status_message=str(raw.get("statusMessage") or ""),
        scope="langfuse-sdk",
    )


def _attributes(raw: Mapping[str, Any]) -> dict[str, JSON]:
    metadata = raw.get("metadata") or {}
    observation: dict[str, JSON] = {
        "type": str(raw["type"]).lower(),
        "input": as_text(raw.get("input")),
        "output": as_text(raw.get("output")),
        "model.name": raw.get("model") or raw.get("providedModelName"),
        "model.parameters": _json(raw.get("modelParameters")),
        "usage_details": _json(raw.get("usageDetails")),
        "prompt.name": raw.get("promptName"),
        "prompt.version": raw.get("promptVersion"),
        "level": raw.get("level"),
        "status_message": raw.get("statusMessage"),
        **{f"metadata.{name}": json.dumps(value) for name, value in metadata.items()},
    }
    own = next((metadata[name] for name in _KINDS if name in metadata), None)
    about = {
        semconv.SESSION_ID: raw.get("sessionId"),
        semconv.USER_ID: raw.get("userId"),
        "langfuse.environment": raw.get("environment"),
        "langfuse.version": raw.get("version"),
        semconv.KIND: own,
    }
    return known({**{f"{_PREFIX}{name}": v for name, v in observation.items()}, **about})


def _json(value: JSON) -> JSON:
    return json.dumps(value) if value else None
