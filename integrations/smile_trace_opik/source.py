"""The source: traces in Opik, as its SDK wrote them.

Source: opik 2.2.122, `rest_api`, and Opik's backend, `TracesResource.java` (large workspaces are
never sorted, so nothing here relies on an order).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import Field

from smile_trace import semconv
from smile_trace._guards import foreign
from smile_trace._guards.presentable import presentable
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
from smile_trace.trackers.batches import MOST_PAGES
from smile_trace.trackers.fields import known
from smile_trace.trackers.http import HttpOptions
from smile_trace.trackers.presentation import EXPLANATION_NAME, PATH_NAME
from smile_trace_opik.server import OpikServer, own_settings
from smile_trace_opik.spans import EXTERNAL_PROJECT, OWN_TRACE, TAG

LISTED, SPANS = 500, 500
"""Traces without content, and spans, in one reply."""
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_CLIENTS = "openinference.instrumentation.openai"
"""The scope of spans whose input is the whole request, and is read as such."""
_OUTPUT = "output"


class OpikSourceOptions(HttpOptions):
    """The options of `[sources.opik]`; by default they come from Opik's own configuration."""

    url: str | None = None
    """The address up to and including `/api`; by default that of `[trackers.opik]`, then Opik's own
    setting, then its cloud."""
    workspace: str | None = None
    projects: tuple[str, ...] = ()
    """Names of the projects whose traces are read."""
    timeout_seconds: float = Field(30.0, gt=0, le=300)


class OpikSource(Source):
    """Reads the traces of one workspace of one Opik server."""

    name: ClassVar[str] = "opik"

    def __init__(self, server: OpikServer, options: OpikSourceOptions) -> None:
        self._server = server
        self._options = options
        self._stretches = LatestFirst()

    @classmethod
    def from_settings(
        cls, options: Mapping[str, JSON], tracker: Mapping[str, JSON]
    ) -> "OpikSource | None":
        """See `Source.from_settings`. Raises `ValueError` on an unknown option or wrong address."""
        checked, own = read_options(OpikSourceOptions, cls.name, options), own_settings()
        if not (options or tracker or "api_key" in own or "url_override" in own):
            return None
        url = checked.url or str(tracker.get("url") or "")
        workspace = checked.workspace or str(tracker.get("workspace") or "")
        return cls(OpikServer(url, workspace, own, checked, "sources.opik"), checked)

    @classmethod
    def owns(cls, trace_id: str) -> bool:
        """See `Source.owns`: a UUID, as only Opik's ids are."""
        return _UUID.fullmatch(trace_id) is not None

    @property
    def places(self) -> Sequence[str]:
        """See `Source.places`: the projects."""
        return self._options.projects

    def read(self, trace_id: str) -> tuple[Span, ...]:
        if not self.owns(trace_id):
            return ()
        with asking(), self._server.service.reading():
            trace = self._server.trace(trace_id)
            if trace is None:
                return ()
            return self._spans(trace, self._server.project_name(str(trace["project_id"])))

    def page(self, place: str, since_ms: int, until_ms: int, limit: int) -> Page:
        with asking(), self._server.service.reading():
            traces: dict[str, Any] = {}
            listed = partial(self._listed, place, traces)
            ids, until_ms = self._stretches.earliest(listed, since_ms, until_ms, limit)
            read = (readable(i, partial(self._spans, traces[i], place)) for i in ids)
            return Page(traces=tuple(filter(None, read)), until_ms=until_ms)

    def _listed(
        self, place: str, traces: dict[str, Any], since_ms: int, until_ms: int
    ) -> list[tuple[int, str]] | None:
        """Return the traces of a stretch, and put them into `traces`; None if one reply does not
        hold them and the stretch can be divided."""
        pages = _pages(
            lambda page: self._server.traces(
                place, iso_ms(since_ms), iso_ms(until_ms), page, LISTED
            ),
            f"Opik at {presentable(self._server.url)} has no project {place!r}: correct projects "
            "of [sources.opik]",
        )
        page, total = next(pages)
        if total > len(page) and until_ms - since_ms > 1:
            return None
        found = {str(trace["id"]): trace for trace in page}
        found |= {str(trace["id"]): trace for page, _ in pages for trace in page}
        traces |= {i: t for i, t in found.items() if OWN_TRACE not in (t.get("metadata") or {})}
        began = {i: unix_ns(trace["start_time"]) // 1_000_000 for i, trace in found.items()}
        return [(at, i) for i, at in began.items() if i in traces]

    def _spans(self, trace: Mapping[str, Any], project: str) -> tuple[Span, ...]:
        """Return the finished spans of a trace without ours; none if it was deleted meanwhile."""
        ask = partial(self._server.spans, str(trace["project_id"]), str(trace["id"]), size=SPANS)
        raw = [one for page, _ in _pages(lambda number: ask(page=number), None) for one in page]
        about = {
            semconv.SESSION_ID: trace.get("thread_id"),
            semconv.EXTERNAL_PREFIX + EXTERNAL_PROJECT: project,
        }
        spans = [
            _span(one, known(about)) for one in raw if one.get("end_time") and not _is_ours(one)
        ]
        return tuple(sorted(spans, key=lambda span: (span.start_ns, span.span_id)))


def _pages(ask: Any, missing: str | None) -> Iterator[tuple[list[Any], int]]:
    """Yield the pages of a list, each with the number of all its items. Raises `SourceUnavailable`
    if the list does not end, or is not there and `missing` says so."""
    read = 0
    for number in range(1, MOST_PAGES + 1):
        reply = ask(number)
        if reply is None:
            if missing is None:
                return
            raise SourceUnavailable(missing)
        page, total = reply["content"], reply["total"]
        if not isinstance(page, list) or type(total) is not int:
            raise TypeError("a list without content or total")
        yield page, total
        read += len(page)
        if read >= total or not page:
            return
    raise SourceUnavailable("reading Opik stops: its list does not end")


def _is_ours(raw: Mapping[str, Any]) -> bool:
    name = str(raw.get("name")).casefold()  # earlier versions wrote small letters
    ours = name.startswith((EXPLANATION_NAME.casefold(), PATH_NAME.casefold()))
    return ours and TAG in (raw.get("tags") or ())


def _span(raw: Mapping[str, Any], about: Mapping[str, JSON]) -> Span:
    trace_id, span_id = str(raw["trace_id"]), str(raw["id"])
    ids = own_ids(OpikSource.name, trace_id, span_id)
    attributes = {**_attributes(raw), **about, **ids}
    foreign.check(attributes)
    error, parent = raw.get("error_info") or {}, raw.get("parent_span_id")
    return Span(
        trace_id=hex_id(trace_id, 32),
        span_id=hex_id(span_id, 16),
        parent_id=hex_id(str(parent), 16) if parent else None,
        name=str(raw.get("name") or ""),
        start_ns=unix_ns(raw["start_time"]),
        end_ns=unix_ns(raw["end_time"]),
        attributes=attributes,
        status="error" if error else "unset",
        status_message=str(error.get("message") or ""),
        scope=_CLIENTS if raw.get("type") == "llm" else "",
    )


def _attributes(raw: Mapping[str, Any]) -> dict[str, JSON]:
    """Write a call as OpenInference's clients do, with the whole request. Opik's SDK keeps the
    parameters in the metadata, beside the rest of the response."""
    usage, metadata = raw.get("usage") or {}, raw.get("metadata") or {}
    given, output = raw.get("input"), raw.get("output")
    if raw.get("type") != "llm":
        return known({"input.value": as_text(given), "output.value": as_text(output)})
    if isinstance(given, dict):
        given = {**metadata, **given, "model": raw.get("model") or metadata.get("model")}
    if isinstance(output, dict) and set(output) == {_OUTPUT}:
        output = output[_OUTPUT]
    elif isinstance(output, dict) and "content" in output:
        output = {"role": "assistant", **output}
    return known(
        {
            "openinference.span.kind": "LLM",
            "input.value": as_text(given),
            "input.mime_type": "application/json" if isinstance(given, dict) else None,
            "output.value": as_text(output),
            "output.mime_type": "application/json" if isinstance(output, dict) else None,
            "llm.model_name": raw.get("model"),
            "llm.provider": raw.get("provider"),
            "llm.token_count.prompt": usage.get("prompt_tokens"),
            "llm.token_count.completion": usage.get("completion_tokens"),
        }
    )
