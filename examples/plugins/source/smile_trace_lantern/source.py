"""The source: traces that stand in Lantern."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from smile_trace._guards import foreign
from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace.dialects import is_ours
from smile_trace.records import JSON, Record, Span
from smile_trace.sources.kit import asking, own_ids, read_options, whole_milliseconds
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.http import HttpClient, Service


class LanternSourceOptions(Record):
    """The options of `[sources.lantern]`; the key comes from the environment only."""

    url: str | None = None
    """By default that of `[trackers.lantern]`, then LANTERN_URL."""
    projects: tuple[str, ...] = ()
    """Names of the projects whose traces are read."""
    timeout_seconds: float = Field(10.0, gt=0, le=300)
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)


class LanternSource(Source):
    """Reads the traces of one Lantern server."""

    name: ClassVar[str] = "lantern"

    def __init__(self, url: str, key: str, options: LanternSourceOptions) -> None:
        self._options = options
        service = Service(
            name="Lantern",
            url=url,
            timeout_setting="timeout_seconds in [sources.lantern]",
            credentials="set LANTERN_KEY",
            access="use a key that may read traces",
            address="url of [sources.lantern] (LANTERN_URL)",
            login="LANTERN_KEY",
        )
        self._http = HttpClient(
            service,
            headers={"Authorization": f"Bearer {key}"},
            timeout=options.timeout_seconds,
            max_reply_mb=options.max_reply_mb,
        )

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "LanternSource | None":
        """See `Source.from_settings`.

        Raises:
            ValueError: an unknown option, or no key.
        """
        checked = read_options(LanternSourceOptions, cls.name, options)
        url = checked.url or str(tracker.get("url") or "") or os.environ.get("LANTERN_URL", "")
        key = os.environ.get("LANTERN_KEY", "")
        if not url:
            return None
        if not url.startswith(("http://", "https://")) or not key:
            raise ValueError(
                "Lantern needs an address and a key: set url of [sources.lantern] or LANTERN_URL, "
                "and LANTERN_KEY"
            )
        return cls(url.rstrip("/") + "/", key, checked)

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """See `Source.may_hold`: 32 hex digits."""
        return re.fullmatch("[0-9a-f]{32}", trace_id) is not None

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the projects."""
        return self._options.projects

    def read(self, trace_id: str) -> tuple[Span, ...]:
        """See `Source.read`."""
        if not self.may_hold(trace_id):
            return ()
        with asking(), self._http.service.reading():
            found = self._http.get(f"traces/{trace_id}")
            return () if found is None else _spans(found)

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        """See `Source.page`."""
        stretch = {"project": place, "from": str(since_ms), "to": str(until_ms)}

        def listed(token: str | None) -> tuple[list[Any], str | None]:
            wanted = {**stretch, "limit": str(limit)} | ({"cursor": token} if token else {})
            found = self._http.get("traces", wanted)
            if found is None:
                raise SourceUnavailable(
                    f"Lantern has no project {place!r}: correct projects of [sources.lantern]"
                )
            return list(found["data"]), found["next"]

        with asking(), self._http.service.reading():
            infos, until_ms = whole_milliseconds(listed, lambda i: int(i["started_ms"]), until_ms)
            read = (self.read(str(info["id"])) for info in infos)
            return Page(traces=tuple(spans for spans in read if spans), until_ms=until_ms)


def _spans(trace: Mapping[str, Any]) -> tuple[Span, ...]:
    spans = (_span(raw, str(trace["id"])) for raw in trace["spans"])
    return tuple(span for span in spans if not is_ours(span))


def _span(raw: Mapping[str, Any], trace_id: str) -> Span:
    attributes = {**raw["attributes"], **own_ids(LanternSource.name, trace_id, str(raw["id"]))}
    foreign.check(attributes)
    return Span(
        trace_id=trace_id,
        span_id=str(raw["id"]),
        parent_id=raw["parent"],
        name=str(raw["name"]),
        start_ns=int(raw["start_ns"]),
        end_ns=int(raw["end_ns"]),
        attributes=attributes,
    )
