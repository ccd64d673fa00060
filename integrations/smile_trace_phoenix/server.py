"""One Phoenix server: OTLP for spans, REST for annotations, GraphQL for what is there.

Source: Phoenix 20.26.1, its REST reference and its own sources. It answers before it has written
spans: what was sent is looked for again.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from smile_trace._guards.bounded_http import MAX_REPLY_MB
from smile_trace._guards.presentable import hide
from smile_trace.records import JSON, Span
from smile_trace.trackers import TrackerUnavailable
from smile_trace.trackers.http import HttpClient, Params, RequestRejected, Service
from smile_trace.trackers.late_path import PATH_NAME
from smile_trace.trackers.late_span import EXPLANATION_NAME
from smile_trace.trackers.otlp import post_spans
from smile_trace.trackers.places import HeldSpan
from smile_trace_phoenix.annotations import Kind

_LOOKS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
"""Seconds before each look for what was sent; most often it is there at the third."""
LISTED = 1000
"""Items in one reply of a list."""
MOST_PAGES = 200
"""Pages of a list, or of a trace's spans: one without end ends there."""
_TRACE = """query($id: String!, $after: String) { found: getTraceByOtelId(traceId: $id) {
    spans(first: 1000, after: $after) { pageInfo { hasNextPage endCursor }
    edges { node { spanId name parentId spanKind startTime endTime } } } } }"""
_SPAN = "query($id: String!) { found: getSpanByOtelId(spanId: $id) { id } }"


class PhoenixServer:
    """Requests to one server. The key is sent, and shown nowhere.

    Args:
        url: the address below which `v1/traces` is; of a space, up to its name.
        headers: further ones, as Phoenix's own clients are told to send.
        timeout: seconds for which the server may be silent in one request.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        headers: dict[str, str],
        timeout: float,
        max_reply_mb: float = MAX_REPLY_MB,
    ) -> None:
        self.url = url.rstrip("/") + "/"
        for secret in (api_key, *headers.values()):
            hide(secret)
        service = Service(
            name="Phoenix",
            url=self.url,
            timeout_setting="timeout_seconds in [trackers.phoenix]",
            credentials="set PHOENIX_API_KEY (a key of Settings, API Keys), and restart the worker",
            access="use a key of a user that is no viewer",
            address="url of [trackers.phoenix] (PHOENIX_COLLECTOR_ENDPOINT)",
            login="PHOENIX_API_KEY",
        )
        bearer = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.http = HttpClient(
            service, headers={**headers, **bearer}, timeout=timeout, max_reply_mb=max_reply_mb
        )

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def check(self) -> None:
        """Ask for something that changes nothing."""
        found = self.http.send("GET", "v1/projects", params={"limit": "1"})
        if not isinstance(found, dict) or "data" not in found:
            raise self.http.service.wrong()

    def trace_url(self, trace_id: str) -> str:
        """Where a person can look at a trace: Phoenix's own redirect, which needs no project."""
        return f"{self.url}redirects/traces/{trace_id}"

    def span_url(self, span_id: str) -> str:
        """Where a person can look at a span in its trace."""
        return f"{self.url}redirects/spans/{span_id}"

    # -- spans -------------------------------------------------------------------------------

    def post_spans(self, spans: Sequence[Span]) -> None:
        """Write spans; of a known id, the first one stays."""
        try:
            post_spans(self.http, "v1/traces", spans)
        except RequestRejected as rejected:
            if rejected.status in (404, 405):
                raise self._none_here() from rejected
            raise

    def replace_span(self, span: Span) -> bool:
        """Write a span in place of the one that has its id; whether it is there by now."""
        self.delete("spans", span.span_id)
        self.post_spans([span])
        return self.settled(lambda: self.has_span(span.span_id))

    def has_span(self, span_id: str) -> bool:
        """Whether the server holds a span of that id."""
        return self._ask(_SPAN, span_id) is not None

    def spans(self, trace_id: str) -> list[HeldSpan] | None:
        """The spans of a trace, in no order; None where there is no such trace."""
        held: list[HeldSpan] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            trace = self._ask(_TRACE, trace_id, after)
            if trace is None:
                return None
            with self.http.service.reading():
                held += [_held(edge["node"]) for edge in trace["spans"]["edges"]]
                page = trace["spans"]["pageInfo"]
                after = _following(page["endCursor"], after) if page["hasNextPage"] else None
            if after is None:
                break
        return held

    def settled(self, ask: Callable[[], bool]) -> bool:
        """Whether it is so within some seconds."""
        for seconds in _LOOKS:
            time.sleep(seconds)
            if ask():
                return True
        return False

    def _ask(self, query: str, wanted: str, after: str | None = None) -> Any:
        """What GraphQL finds, of a page after `after`; None where it is not there."""
        body = {"query": query, "variables": {"id": wanted, "after": after}}
        answer = self.http.send("POST", "graphql", body)
        with self.http.service.reading():
            if answer.get("errors"):
                raise ValueError(str(answer["errors"][0]["message"]))
            return answer["data"]["found"]

    # -- annotations -------------------------------------------------------------------------

    def annotate(self, kind: Kind, rows: Sequence[JSON], *, wait: bool = True) -> bool:
        """Annotate spans, traces or documents; one of the same name and identifier is replaced.

        Args:
            wait: until it is written. Else Phoenix takes it, and keeps it until what it is about
                arrives.

        Returns:
            Whether what they are about is there; always, without `wait`.
        """
        if not rows:
            return True
        params = {"sync": "true"} if wait else {}
        try:
            self.http.send("POST", f"v1/{kind}_annotations", {"data": list(rows)}, params=params)
        except RequestRejected as rejected:
            if rejected.missing:
                return False
            raise
        return True

    # -- anything else -----------------------------------------------------------------------

    def listed(self, path: str, params: Params) -> list[dict[str, Any]]:
        """Everything in a list, page by page; empty where there is no such thing."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            asked = {**params, "limit": str(LISTED), **({"cursor": cursor} if cursor else {})}
            reply = self.http.get(path, asked)
            if reply is None:
                break
            with self.http.service.reading():
                found += reply["data"]
                cursor = _following(reply["next_cursor"], cursor)
            if cursor is None:
                break
        return found

    def delete(self, what: str, identifier: str) -> bool:
        """Delete a span, trace, dataset or experiment; whether there was one."""
        try:
            self.http.request("DELETE", f"v1/{what}/{identifier}")
        except RequestRejected as rejected:
            if rejected.missing:
                return False
            raise
        return True

    def _none_here(self) -> TrackerUnavailable:
        return TrackerUnavailable(
            f"there is no Phoenix at {self.url}: check url of [trackers.phoenix] "
            "(PHOENIX_COLLECTOR_ENDPOINT)"
        )


def _following(cursor: Any, asked: str | None) -> str | None:
    """The cursor of the next page; None at the end, which is also where it is the one just asked.

    Raises:
        TypeError: it is no text.
    """
    if not (cursor is None or isinstance(cursor, str)):
        raise TypeError("a cursor that is no text")
    return None if cursor == asked else cursor


def _held(node: dict[str, Any]) -> HeldSpan:
    """Its times are exact to the microsecond."""
    ours = str(node["name"]).startswith((EXPLANATION_NAME, PATH_NAME))
    is_call = str(node["spanKind"]).upper() == "LLM" and not ours
    start = _nanoseconds(node["startTime"])
    end = _nanoseconds(node["endTime"]) if node["endTime"] else start
    return HeldSpan(str(node["spanId"]), node["parentId"] or None, is_call, start, end)


def _nanoseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1000
