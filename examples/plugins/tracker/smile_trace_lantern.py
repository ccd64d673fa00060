"""Lantern: a trace per trace, an observation per span, and explanations as observations."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from smile_trace.records import JSON, Call, Span, Trace
from smile_trace.trackers import Capabilities, ForgottenTrace, Outcome, Receipt, read_options
from smile_trace.trackers.dashboard import Dashboard, gone
from smile_trace.trackers.fields import (
    call_input,
    call_metadata,
    call_output,
    known,
    prompt_uses,
    span_io,
    span_roles,
    tags,
    timestamp,
    token_usage,
)
from smile_trace.trackers.http import HttpClient, HttpOptions, RequestRejected, Service
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import Presentation, Score, View, feedback_scores

EXPLANATION_NAME = "Why this answer?"

Event = tuple[str, dict[str, JSON]]
"""A type, and a body with an id: one of a known id is replaced."""


class LanternOptions(HttpOptions):
    """The options of `[trackers.lantern]`; the keys come from the environment only."""

    url: str | None = None
    """By default LANTERN_URL."""


class LanternTracker(Dashboard):
    """Delivers to one project of one Lantern server."""

    name: ClassVar[str] = "lantern"
    capabilities: ClassVar[Capabilities] = Capabilities(
        forgets=True, profiles=True, unexplained=True
    )

    def __init__(self, url: str, keys: tuple[str, str], options: LanternOptions) -> None:
        self.url = url.rstrip("/")
        self._service = Service(
            name="Lantern",
            url=self.url,
            timeout_setting="timeout_seconds in [trackers.lantern]",
            credentials="set LANTERN_PUBLIC_KEY and LANTERN_SECRET_KEY",
            access="use keys of a project that may be written to",
            address="url of [trackers.lantern] (LANTERN_URL)",
        )
        self._http = HttpClient.of(self._service, options, auth=keys)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "LanternTracker | None":
        """The tracker for `[trackers.lantern]`, else for LANTERN_URL, else None.

        Raises:
            ValueError: an option is unknown or wrong, or there is no address or key.
        """
        checked = read_options(LanternOptions, "lantern", options)
        url = checked.url or os.environ.get("LANTERN_URL", "")
        if not url and not options:
            return None
        public, secret = (os.environ.get(f"LANTERN_{k}_KEY", "") for k in ("PUBLIC", "SECRET"))
        if not url.startswith(("http://", "https://")) or not (public and secret):
            raise ValueError(
                "Lantern needs an address and keys: set url of [trackers.lantern] or LANTERN_URL, "
                "LANTERN_PUBLIC_KEY and LANTERN_SECRET_KEY"
            )
        return cls(url, (public, secret), checked)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def trace_url(self, trace_id: str) -> str:
        """Where a person can look at a trace."""
        return f"{self.url}/trace/{trace_id}"

    def put_spans(self, traces: Sequence[Trace]) -> None:
        """See `Dashboard.put_spans`."""
        self._ingest([event for trace in traces for event in trace_events(trace)])

    def find_place(self, shown: Presentation) -> Parent | Outcome:
        """See `Dashboard.find_place`: Lantern would take what belongs to no trace."""
        if self._http.get(f"api/public/traces/{shown.item.traced_as}") is None:
            return gone("Lantern", shown.item.traced_as)
        return super().find_place(shown)

    def put_scores(self, place: Parent, shown: Presentation) -> None:
        """See `Dashboard.put_scores`."""
        self._ingest([score_event(place.trace_id, place.span_id, one) for one in shown.scores])

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`: an observation under the call's, inside that one's time."""
        explained = {
            "id": f"{place.trace_id}:{view.span_id}",
            "traceId": place.trace_id,
            "parentObservationId": f"{place.trace_id}:{place.span_id}",
            "name": EXPLANATION_NAME,
            "startTime": timestamp(place.start_ns),
            "endTime": timestamp(place.end_ns),
            "output": {"summary": view.summary, "scores": view.markdown},
            "metadata": dict(view.attributes),
        }
        self._ingest([("span-create", explained)])
        return self.receipt(place.trace_id)

    def forget_trace(self, item: ForgottenTrace) -> Outcome:
        """See `Dashboard.forget_trace`: with its observations and scores, where it is there."""
        try:
            self._http.send("DELETE", f"api/public/traces/{item.trace_id}")
        except RequestRejected as rejected:
            if not rejected.missing:
                raise
        return Receipt(external_id=item.trace_id)

    def _ingest(self, events: Sequence[Event]) -> None:
        batch = [{"id": body["id"], "type": kind, "body": body} for kind, body in events]
        answer = self._http.send("POST", "api/public/ingestion", {"batch": batch})
        if not isinstance(answer, dict) or "errors" not in answer:
            raise self._service.wrong()
        for error in answer["errors"]:
            raise self._service.error(error["status"], error["message"])


def trace_events(trace: Trace) -> Iterator[Event]:
    """The trace, an observation per span, and what users thought of it."""
    first = trace.calls[0] if trace.calls else None
    for role in span_roles(trace):
        if role.is_root:
            about = {"id": trace.trace_id, "name": role.span.name, "tags": tags(trace.calls)}
            session = {"sessionId": first.session, "userId": first.user} if first else {}
            at = {"timestamp": timestamp(role.span.start_ns)}
            yield "trace-create", known({**about, **at, **session, **_texts(role.span, role.call)})
        yield _observation(role.span, role.call)
    for score in feedback_scores(trace):
        yield score_event(trace.trace_id, None, score)


def score_event(trace_id: str, span_id: str | None, score: Score) -> Event:
    """What is said of a span, or without one of the trace, once under its name."""
    about = {
        "id": f"{trace_id}:{span_id or ''}:{score.name}",
        "traceId": trace_id,
        "observationId": span_id and f"{trace_id}:{span_id}",
        "name": score.name,
        "value": score.label if score.value is None else score.value,
        "comment": score.reason or None,
    }
    return "score-create", known(about)


def _observation(span: Span, call: Call | None) -> Event:
    fields = {
        "id": f"{span.trace_id}:{span.span_id}",
        "traceId": span.trace_id,
        "parentObservationId": f"{span.trace_id}:{span.parent_id}" if span.parent_id else None,
        "name": span.name,
        "startTime": timestamp(span.start_ns),
        "endTime": timestamp(span.end_ns),
        **_texts(span, call),
    }
    if call is None:
        return "span-create", known(fields)
    about = {
        "model": call.model,
        "modelParameters": call.parameters,
        "usage": token_usage([call]),
        "metadata": {**call_metadata(call), "prompts": prompt_uses(call), **call.metadata},
        "level": "ERROR" if call.error else None,
        "statusMessage": call.error,
    }
    return "generation-create", known({**fields, **about})


def _texts(span: Span, call: Call | None) -> dict[str, JSON]:
    took, gave = (call_input(call), call_output(call)) if call else span_io(span)
    return {"input": took, "output": gave}
