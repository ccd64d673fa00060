"""One Phoenix server: OTLP for spans, REST for annotations, GraphQL for reading traces.

Source: Phoenix 20.26.1, its REST reference and its own sources. It answers before it has written
spans, so they are looked for afterwards.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from smile_trace._guards.presentable import hide, presentable
from smile_trace.records import JSON, Span
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.batches import pages
from smile_trace.trackers.http import (
    HttpClient,
    HttpOptions,
    Params,
    RequestRejected,
    Service,
    tolerating,
)
from smile_trace.trackers.late_span import HeldSpan
from smile_trace.trackers.otlp import prepare_post
from smile_trace.trackers.presentation import EXPLANATION_NAME, PATH_NAME

Kind = Literal["span", "trace", "document"]
_LOOKS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
"""Seconds before each look for sent spans; most are there at the third."""
LISTED = 1000
"""Items in one reply of a list."""
_TRACE = """query($id: String!, $after: String) { found: getTraceByOtelId(traceId: $id) {
    spans(first: 1000, after: $after) { pageInfo { hasNextPage endCursor }
    edges { node { spanId name parentId spanKind startTime endTime } } } } }"""
_SPAN = "query($id: String!) { found: getSpanByOtelId(spanId: $id) { id } }"


def own_headers() -> dict[str, str]:
    """Return the headers of PHOENIX_API_KEY and PHOENIX_CLIENT_HEADERS (`name=value,…`,
    percent-encoded, as Phoenix's clients read it)."""
    text = os.environ.get("PHOENIX_CLIENT_HEADERS") or ""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    headers = {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}
    key = os.environ.get("PHOENIX_API_KEY")
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


class PhoenixServer:
    """Requests to one server; header values are shown nowhere. `url`: the settings' address, by
    default PHOENIX_COLLECTOR_ENDPOINT, below which `v1/traces` is; for a space, up to its name.
    `table`: the settings' table that messages name. Raises ValueError if the address is not
    http(s)."""

    def __init__(
        self,
        url: str | None,
        headers: Mapping[str, str],
        options: HttpOptions,
        table: str = "trackers.phoenix",
    ) -> None:
        named = url or os.environ.get("PHOENIX_COLLECTOR_ENDPOINT") or ""
        if urlsplit(named).scheme not in ("http", "https"):
            raise ValueError(
                f"Phoenix's address is {presentable(named) or 'not set'}: set url of [{table}], or "
                "PHOENIX_COLLECTOR_ENDPOINT, to the http(s) address of a Phoenix server (phoenix "
                "serve starts one at http://localhost:6006)"
            )
        self.url = named.rstrip("/").removesuffix("/v1/traces").rstrip("/") + "/"
        for secret in headers.values():
            hide(secret)
            hide(secret.removeprefix("Bearer "))
        reads = table.startswith("sources")
        service = Service(
            name="Phoenix",
            url=self.url,
            timeout_setting=f"timeout_seconds in [{table}]",
            credentials="set PHOENIX_API_KEY"
            + ("" if reads else " (a key of Settings, API Keys), and restart the worker"),
            access="use a key "
            + ("that may read its projects" if reads else "of a user who is more than a viewer"),
            address=f"url of [{table}] (PHOENIX_COLLECTOR_ENDPOINT)",
            login="PHOENIX_API_KEY",
            purpose="read" if reads else "write",
        )
        self.http = HttpClient.of(service, options, headers=headers)

    def close(self) -> None:
        self.http.close()

    def check(self) -> None:
        """Ask for something that changes nothing."""
        reply = self.http.send("GET", "v1/projects", params={"limit": "1"})
        if not isinstance(reply, dict) or "data" not in reply:
            raise self.http.service.wrong()

    # -- spans -------------------------------------------------------------------------------

    def prepare_post(self, spans: Iterable[Span]) -> Callable[[], None]:
        """Encode spans and return what writes them; Phoenix keeps the first span of an id."""
        post = prepare_post(self.http, "v1/traces", spans)

        def write() -> None:
            try:
                post()
            except RequestRejected as rejected:
                if rejected.status not in (404, 405):
                    raise
                raise TrackerUnavailable(
                    f"there is no Phoenix at {self.url}: check {self.http.service.address}"
                ) from rejected

        return write

    def post_spans(self, spans: Iterable[Span]) -> None:
        """Write spans."""
        self.prepare_post(spans)()

    def replace_span(self, span: Span) -> bool:
        """Write a span in place of that with its id; return whether it is there by now."""
        self.delete("spans", span.span_id)
        self.post_spans([span])
        return self.settled(lambda: self.ask(_SPAN, span.span_id) is not None)

    def spans(self, trace_id: str) -> list[HeldSpan] | None:
        """Return the spans of a trace, in no order; None if there is no such trace."""
        pages = list(self.trace_pages(_TRACE, trace_id))
        with self.http.service.reading():
            held = [_held(edge["node"]) for page in pages for edge in page["spans"]["edges"]]
        return held if pages else None

    def trace_pages(self, query: str, trace_id: str) -> Iterator[dict[str, Any]]:
        """Yield what a query finds in a trace, for each page of its spans; nothing if there is no
        such trace."""

        def ask(after: str | None) -> tuple[Any, str | None]:
            trace = self.ask(query, trace_id, after)
            with self.http.service.reading():
                page = {} if trace is None else trace["spans"]["pageInfo"]
                return trace, _cursor(page["endCursor"]) if page.get("hasNextPage") else None

        return takewhile(lambda trace: trace is not None, pages(ask))

    def settled(self, ask: Callable[[], bool]) -> bool:
        """Whether `ask` becomes true within some seconds."""
        for seconds in _LOOKS:
            time.sleep(seconds)
            if ask():
                return True
        return False

    def ask(self, query: str, wanted: str, after: str | None = None) -> Any:
        """Return what GraphQL finds, on the page after `after`; None if it is missing."""
        body = {"query": query, "variables": {"id": wanted, "after": after}}
        answer = self.http.send("POST", "graphql", body)
        with self.http.service.reading():
            if answer.get("errors"):
                raise ValueError(str(answer["errors"][0]["message"]))
            return answer["data"]["found"]

    # -- anything else -----------------------------------------------------------------------

    def annotate(self, kind: Kind, rows: Sequence[JSON], *, wait: bool = True) -> bool:
        """Annotate spans, traces or documents, replacing annotations of the same name and
        identifier. With `wait`, return whether their subjects exist; without it, return True, and
        Phoenix keeps annotations until their subjects arrive."""
        if not rows:
            return True
        params = {"sync": "true"} if wait else {}
        with tolerating(404):
            self.http.send("POST", f"v1/{kind}_annotations", {"data": list(rows)}, params=params)
            return True
        return False

    def assign_config(self, project: str, config: Mapping[str, JSON]) -> None:
        """Let a project's page know an annotation by its config; an existing config of that name is
        reused."""
        with tolerating(409):  # it is there
            self.http.send("POST", "v1/annotation_configs", dict(config))
        name = quote(str(config["name"]))
        self.http.send("PUT", f"v1/projects/{quote(project, safe='')}/annotation_configs/{name}")

    def listed(self, path: str, params: Params) -> list[dict[str, Any]]:
        """Return everything in a list, page by page; empty if there is no such list."""

        def ask(cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
            wanted = {**params, "limit": str(LISTED), **({"cursor": cursor} if cursor else {})}
            reply = self.http.get(path, wanted)
            if reply is None:
                return [], None
            with self.http.service.reading():
                return list(reply["data"]), _cursor(reply["next_cursor"])

        return [item for page in pages(ask) for item in page]

    def delete(self, what: str, identifier: str) -> bool:
        """Delete a span, trace, dataset or experiment; return whether it existed."""
        with tolerating(404):
            self.http.request("DELETE", f"v1/{what}/{identifier}")
            return True
        return False


def _cursor(said: Any) -> str | None:
    """Return the cursor of the next page; None at the end."""
    if not (said is None or isinstance(said, str)):
        raise TypeError("a cursor that is not text")
    return said


def _held(node: dict[str, Any]) -> HeldSpan:
    """Read a span; its times are exact to the microsecond."""
    ours = str(node["name"]).startswith((EXPLANATION_NAME, PATH_NAME))
    is_call = str(node["spanKind"]).upper() == "LLM" and not ours
    start = _nanoseconds(node["startTime"])
    end = _nanoseconds(node["endTime"]) if node["endTime"] else start
    return HeldSpan(str(node["spanId"]), node["parentId"] or None, is_call, start, end)


def _nanoseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000
