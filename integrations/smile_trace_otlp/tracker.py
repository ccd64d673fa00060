"""The tracker: traces as they were captured, and a late span per explanation.

OTLP cannot replace or delete a span. A retry sends the same bytes; what a backend does with a
span that it has already is its own affair.
"""

import io
import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.console import Console

from smile_trace.records import JSON, Explanation, Span, Trace
from smile_trace.render import print_terminal
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ExplainedCall,
    Outcome,
    Receipt,
    Tracker,
    TrackerUnavailable,
    read_options,
)
from smile_trace.trackers.batches import deliver_batch, outcomes, split
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace.trackers.late_span import PICTURE_ATTRIBUTES, Parent, explanation_span
from smile_trace.trackers.otlp import post_spans
from smile_trace_otlp.endpoint import PATH, Endpoint, OtlpOptions, endpoint_of
from smile_trace_otlp.presets import PRESETS, Preset

CHARACTERS_PER_REQUEST = 1_000_000
"""About how much goes into one request; a larger trace goes alone."""
HEATMAP = "smile.heatmap"
"""Attribute: the heatmap as plain text, which every backend can show."""
HEATMAP_WIDTH = 96
"""Columns of it."""


class OtlpTracker(Tracker):
    """Delivers to one OTLP/HTTP endpoint."""

    name: ClassVar[str] = "otlp"
    capabilities: ClassVar[Capabilities] = Capabilities(replaces=False)

    def __init__(self, endpoint: Endpoint, options: OtlpOptions) -> None:
        self._endpoint = endpoint
        preset = PRESETS[options.preset] if options.preset else Preset(None, picture=True)
        self._picture = preset.picture if options.picture is None else options.picture
        self._longest = preset.longest
        self._sends_traces = options.traces
        self._http = HttpClient(
            Service(
                name="the OTLP backend",
                url=endpoint.base,
                timeout_setting="timeout_seconds of [trackers.otlp]",
                credentials="correct header_env of [trackers.otlp] and the variables that it "
                "names, or OTEL_EXPORTER_OTLP_HEADERS where the address comes from a variable",
                access="use a key that may write traces",
                address="correct endpoint of [trackers.otlp] (a Collector takes OTLP over HTTP on "
                "port 4318; gRPC, mostly on 4317, is not spoken)",
                login="header_env of [trackers.otlp]",
            ),
            headers=endpoint.headers,
            timeout=options.timeout_seconds,
            max_reply_mb=options.max_reply_mb,
        )

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "OtlpTracker | None":
        """The tracker for `[trackers.otlp]`, else None.

        The standard variables alone do not ask for it: they may well be those of the application,
        or name our own receiver.

        Raises:
            ValueError: an option is unknown or wrong, or there is no address.
        """
        if not options:
            return None
        checked = read_options(OtlpOptions, "otlp", options)
        return cls(endpoint_of(checked, os.environ), checked)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> bool:
        """See `Tracker.check`: a request without spans, which some say is empty."""
        try:
            self._post([])
        except RequestRejected as rejected:
            # A server of something else: no such path, or one that is only read.
            if rejected.status in (404, 405):
                raise TrackerUnavailable(
                    f"nothing takes traces at {self._endpoint.base}/{PATH}: correct "
                    "endpoint of [trackers.otlp]"
                ) from rejected
        return True

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`: with what was sent before where a trace has grown."""
        traces = [item.trace for item in items]
        if not self._sends_traces:
            return [_receipt(trace.trace_id) for trace in traces]
        batches = split(traces, _characters, CHARACTERS_PER_REQUEST)
        return outcomes([result for b in batches for result in deliver_batch(b, self._send)])

    def _send(self, traces: Sequence[Trace]) -> list[Outcome]:
        self._post([span for trace in traces for span in trace.spans])
        return [_receipt(trace.trace_id) for trace in traces]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`: a span each, under that of the call."""
        return outcomes(deliver_batch(items, self._explain)) if items else []

    def _explain(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        self._post([self._span(item) for item in items])
        return [_receipt(item.traced_as) for item in items]

    def _span(self, item: ExplainedCall) -> Span:
        call = item.call
        parent = Parent(call.trace_id, call.span_id, call.start_ns, call.end_ns)
        span = explanation_span(item, parent)
        attributes = {HEATMAP: plain_heatmap(item.explanation), **span.attributes}
        if not self._picture:
            attributes = {k: v for k, v in attributes.items() if k not in PICTURE_ATTRIBUTES}
        resource = item.trace.span(call.span_id).resource
        return span.model_copy(
            update={"attributes": _within(attributes, self._longest), "resource": resource}
        )

    def _post(self, spans: Sequence[Span]) -> None:
        post_spans(self._http, PATH, spans, encoding=self._endpoint.encoding)


def plain_heatmap(explanation: Explanation) -> str:
    """The heatmap as text: ⁺ and ⁻ stand behind what supports the answer and works against it."""
    written = io.StringIO()
    print_terminal(explanation, Console(file=written, width=HEATMAP_WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _within(attributes: dict[str, JSON], longest: int | None) -> dict[str, JSON]:
    """Texts that are cut off where the backend would cut them; JSON that would be is left out."""
    if longest is None:
        return attributes
    kept: dict[str, JSON] = {}
    for name, value in attributes.items():
        if not isinstance(value, str) or len(value) <= longest:
            kept[name] = value
        elif not value.startswith("{"):
            kept[name] = value[: longest - 1] + "…"
    return kept


def _characters(trace: Trace) -> int:
    values = (value for span in trace.spans for value in span.attributes.values())
    return len(trace.spans) * 200 + sum(len(v) for v in values if isinstance(v, str))


def _receipt(trace_id: str) -> Receipt:
    return Receipt(external_id=trace_id)
