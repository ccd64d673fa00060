"""The source: traces in Phoenix, as any instrumentor sent them.

Source: the REST interface of arize-phoenix 20.26 (`/openapi.json`), run.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field

from smile_trace._guards import foreign
from smile_trace._guards.presentable import presentable
from smile_trace.dialects import is_ours
from smile_trace.dialects.attributes import read_object
from smile_trace.dialects.kinds.gen_ai import TRACES_ITSELF
from smile_trace.dialects.registry import known
from smile_trace.records import JSON, Span
from smile_trace.sources.kit import (
    asking,
    iso_ms,
    own_ids,
    read_options,
    readable,
    unix_ns,
    whole_milliseconds,
)
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.trackers.batches import pages
from smile_trace.trackers.http import HttpOptions, Params
from smile_trace_phoenix.server import PhoenixServer, own_headers

SPANS_PER_REQUEST = 1000
"""Phoenix's maximum in one reply."""
TRACES_PER_REQUEST = 100
"""Traces whose spans one request asks for: their ids stand in the address."""
PROJECTS_PER_REQUEST = 100

_STATUS = {"OK": "ok", "ERROR": "error"}
_OBJECTS = ("metadata", "llm.prompt_template.variables", "tool.parameters")
"""Attributes that are sent as JSON texts, which Phoenix takes apart."""
_TRANSLATED = ("llm.", "openinference.", "input.", "output.", "tool.", "session.", "user.")
"""Prefixes of attributes that Phoenix adds to a span of OpenTelemetry's conventions."""
_CLIENTS = "openinference.instrumentation.openai"
"""The scope of OpenInference's clients (Anthropic's, too), which write the whole request."""


class PhoenixSourceOptions(HttpOptions):
    """The options of `[sources.phoenix]`; the key comes from the environment only."""

    url: str | None = None
    """Defaults to that of `[trackers.phoenix]`, then PHOENIX_COLLECTOR_ENDPOINT."""
    projects: tuple[str, ...] = ()
    """Names of the projects whose traces are read."""
    timeout_seconds: float = Field(30.0, gt=0, le=300)


class PhoenixSource(Source):
    """Reads the traces of one Phoenix server."""

    name: ClassVar[str] = "phoenix"

    def __init__(
        self, url: str | None, headers: Mapping[str, str], options: PhoenixSourceOptions
    ) -> None:
        self._options = options
        self._server = PhoenixServer(url, headers, options, "sources.phoenix")
        self.url = self._server.url

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "PhoenixSource | None":
        """See `Source.from_settings`. Raises `ValueError` on an unknown option or wrong address."""
        checked = read_options(PhoenixSourceOptions, cls.name, options)
        url = checked.url or str(tracker.get("url") or "")
        if not (url or os.environ.get("PHOENIX_COLLECTOR_ENDPOINT")):
            return None
        return cls(url, own_headers(), checked)

    @classmethod
    def may_hold(cls, trace_id: str) -> bool:
        """See `Source.may_hold`: the 32 hex digits of OpenTelemetry."""
        return re.fullmatch("[0-9a-f]{32}", trace_id) is not None

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the projects."""
        return self._options.projects

    def read(self, trace_id: str) -> tuple[Span, ...]:
        """See `Source.read`: whatever the trace's project is."""
        if not self.may_hold(trace_id):
            return ()
        with asking(), self._server.http.service.reading():
            named = self._options.projects
            for _, project in sorted(self._projects(), key=lambda item: item[0] not in named):
                if found := self._spans(project, [trace_id]).get(trace_id):
                    return _without_ours(found)
            return ()

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        with asking(), self._server.http.service.reading():
            project = next((i for name, i in self._projects(place) if name == place), None)
            if project is None:
                raise SourceUnavailable(
                    f"Phoenix at {presentable(self.url)} has no project {place!r}: correct "
                    "projects of [sources.phoenix]"
                )
            ids, until_ms = self._ids(project, since_ms, until_ms, limit)
            traces = []
            for first in range(0, len(ids), TRACES_PER_REQUEST):
                spans = self._spans(project, ids[first : first + TRACES_PER_REQUEST])
                of_page = [i for i in ids if i in spans]
                traces += [readable(i, partial(_without_ours, spans[i])) for i in of_page]
            return Page(traces=tuple(filter(None, traces)), until_ms=until_ms)

    def _projects(self, name: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield the names and ids of the projects, or of those whose name contains `name`."""
        wanted = {"limit": str(PROJECTS_PER_REQUEST)} | ({"name_contains": name} if name else {})
        for page in self._pages("v1/projects", wanted):
            for project in page:
                yield str(project["name"]), str(project["id"])

    def _ids(self, project: str, since_ms: int, until_ms: int, limit: int) -> tuple[list[str], int]:
        """Return the ids of the earliest traces, and the time before which they are complete."""
        wanted = {
            "start_time": iso_ms(since_ms),
            "end_time": iso_ms(until_ms),
            "sort": "start_time",
            "order": "asc",
            "limit": str(limit),
        }

        def listed(cursor: str | None) -> tuple[list[tuple[int, str]], str | None]:
            page, following = self._page(f"v1/projects/{project}/traces", wanted, cursor)
            began = [(unix_ns(t["start_time"]) // 1_000_000, str(t["trace_id"])) for t in page]
            return began, following

        found, until_ms = whole_milliseconds(listed, lambda one: one[0], until_ms)
        return [trace_id for _, trace_id in found], until_ms

    def _spans(self, project: str, trace_ids: Sequence[str]) -> dict[str, list[Any]]:
        """Return the spans of traces as Phoenix gives them, by trace."""
        found: dict[str, list[Any]] = {}
        wanted = {"trace_id": list(trace_ids), "limit": str(SPANS_PER_REQUEST)}
        for page in self._pages(f"v1/projects/{project}/spans", wanted):
            for raw in page:
                found.setdefault(str(raw["context"]["trace_id"]), []).append(raw)
        return found

    def _pages(self, path: str, wanted: Params) -> Iterator[Sequence[Any]]:
        endless = SourceUnavailable("reading Phoenix stops: its list does not end")
        return pages(partial(self._page, path, wanted), endless)

    def _page(
        self, path: str, wanted: Params, cursor: str | None
    ) -> tuple[Sequence[Any], str | None]:
        reply = self._server.http.get(path, {**wanted, **({"cursor": cursor} if cursor else {})})
        if reply is None:
            raise SourceUnavailable(
                f"{presentable(self.url)} has no /{path.partition('/')[0]}/… of Phoenix 20.26 or "
                f"newer: check {self._server.http.service.address}, and its version"
            )
        data, following = reply["data"], reply["next_cursor"]
        if not isinstance(data, list) or not (following is None or isinstance(following, str)):
            raise TypeError("a list without data or cursor")
        return data, following


def _without_ours(raw: Sequence[Any]) -> tuple[Span, ...]:
    spans = sorted((_span(one) for one in raw), key=lambda span: (span.start_ns, span.span_id))
    return tuple(span for span in spans if not is_ours(span))


def _span(raw: Mapping[str, Any]) -> Span:
    """Read a span as it was sent; its resource is lost."""
    trace_id, span_id = str(raw["context"]["trace_id"]), str(raw["context"]["span_id"])
    attributes = _as_sent({"openinference.span.kind": raw["span_kind"], **raw["attributes"]})
    attributes |= own_ids(PhoenixSource.name, trace_id, span_id)
    foreign.check(attributes)
    read = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=raw["parent_id"] or None,
        name=str(raw["name"]),
        start_ns=unix_ns(raw["start_time"]),
        end_ns=unix_ns(raw["end_time"]),
        attributes=attributes,
        events=tuple(
            {
                "name": event["name"],
                "time_ns": unix_ns(event["timestamp"]),
                "attributes": dict(event["attributes"]),
            }
            for event in raw["events"]
        ),
        status=_STATUS.get(raw["status_code"], "unset"),
        status_message=str(raw["status_message"] or ""),
        scope=_scope(str(raw["name"]), attributes),
    )
    return _untranslated(read)


def _scope(name: str, attributes: Mapping[str, JSON]) -> str:
    """Guess the scope: only OpenInference's clients write a whole request; Anthropic's client also
    writes HTTP spans, recognised by their names."""
    if name.startswith("anthropic.") and "http.request.method" in attributes:
        return TRACES_ITSELF
    request = read_object(attributes.get("input.value"))
    whole = isinstance(request.get("model"), str) and "messages" in request
    return _CLIENTS if whole else ""


def _as_sent(attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Join the attributes that were sent as JSON texts."""
    found: dict[str, JSON] = {}
    objects: dict[str, dict[str, JSON]] = {}
    for name, value in attributes.items():
        whole = next((one for one in _OBJECTS if name.startswith(f"{one}.")), None)
        if whole is None:
            found[name] = value
        else:
            objects.setdefault(whole, {})[name.removeprefix(f"{whole}.")] = value
    return found | {name: json.dumps(value) for name, value in objects.items()}


def _untranslated(span: Span) -> Span:
    """Drop Phoenix's additions to another convention's span if a dialect reads it without them."""
    others = {n: v for n, v in span.attributes.items() if not n.startswith(_TRANSLATED)}
    bare = span.model_copy(update={"attributes": others})
    as_sent = bare.scope == TRACES_ITSELF or any(one.recognises(bare) for one in known())
    return bare if as_sent else span
