"""Spans that an application sends to a real Phoenix."""

import time
from collections.abc import Sequence

import httpx

from smile_trace.records import Span
from smile_trace.records.otlp import spans_to_otlp
from tests.support.otlp_requests import to_protobuf


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
        found = httpx.get(f"{url}/v1/projects/{place}/spans", params=wanted).json()
        if waiting <= {span["context"]["span_id"] for span in found.get("data", ())}:
            return
        time.sleep(0.05)
    raise AssertionError("Phoenix did not write the spans")
