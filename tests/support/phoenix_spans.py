"""Spans that an application sends to a real Phoenix."""

import secrets
import time
from collections.abc import Sequence

import httpx

from smile_trace.records import Span
from tests.support.otlp_json import spans_to_otlp
from tests.support.otlp_requests import to_protobuf


def renewed(spans: Sequence[Span]) -> list[Span]:
    """The spans with other ids: of a known one Phoenix keeps the first, in its first project."""
    ids: dict[str, str] = {}

    def other(known: str) -> str:
        return ids.setdefault(known, secrets.token_hex(len(known) // 2))

    return [
        span.model_copy(
            update={
                "trace_id": other(span.trace_id),
                "span_id": other(span.span_id),
                "parent_id": span.parent_id and other(span.parent_id),
            }
        )
        for span in spans
    ]


def write_spans(url: str, place: str, spans: Sequence[Span]) -> None:
    """Send spans, and wait until they can be read: Phoenix answers before it writes them."""
    resource = {"openinference.project.name": place}
    sent = [span.model_copy(update={"resource": resource}) for span in spans]
    httpx.post(
        f"{url}/v1/traces",
        content=to_protobuf(spans_to_otlp(sent)),
        headers={"Content-Type": "application/x-protobuf"},
    ).raise_for_status()
    waiting, deadline = {span.span_id for span in spans}, time.monotonic() + 300
    wanted = {"trace_id": sorted({span.trace_id for span in spans}), "limit": "1000"}
    while time.monotonic() < deadline:
        reply = httpx.get(f"{url}/v1/projects/{place}/spans", params=wanted)
        found = reply.json() if reply.is_success else {}  # a new project is not there at once
        if waiting <= {span["context"]["span_id"] for span in found.get("data", ())}:
            return
        time.sleep(0.05)
    raise AssertionError("Phoenix did not write the spans")
