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
    Outcome,
    TrackerUnavailable,
    read_options,
)
from smile_trace.trackers.dashboard import Dashboard
from smile_trace.trackers.http import HttpClient, RequestRejected, Service
from smile_trace.trackers.late_span import PICTURE_ATTRIBUTES, Parent, late_span
from smile_trace.trackers.otlp import post_spans
from smile_trace.trackers.presentation import Heatmap, Presentation, View
from smile_trace_otlp.endpoint import PATH, PRESETS, Endpoint, OtlpOptions, Preset, endpoint_of

HEATMAP = "smile.heatmap"
"""Attribute: the heatmap as plain text, which every backend can show."""
HEATMAP_WIDTH = 96
"""Columns of it."""


class OtlpTracker(Dashboard):
    """Delivers to one OTLP/HTTP endpoint."""

    name: ClassVar[str] = "otlp"
    capabilities: ClassVar[Capabilities] = Capabilities(replaces=False)
    request_size = 1_000_000  # characters

    def __init__(self, endpoint: Endpoint, options: OtlpOptions) -> None:
        self._endpoint = endpoint
        preset = PRESETS[options.preset] if options.preset else Preset(None, picture=True)
        self._picture = preset.picture if options.picture is None else options.picture
        self._longest = preset.longest
        self._sends_traces = options.traces
        service = Service(
            name="the OTLP backend",
            url=endpoint.base,
            timeout_setting="timeout_seconds of [trackers.otlp]",
            credentials="correct header_env of [trackers.otlp] and the variables that it "
            "names, or OTEL_EXPORTER_OTLP_HEADERS where the address comes from a variable",
            access="use a key that may write traces",
            address="correct endpoint of [trackers.otlp] (a Collector takes OTLP over HTTP on "
            "port 4318; gRPC, mostly on 4317, is not spoken)",
            login="header_env of [trackers.otlp]",
        )
        self._http = HttpClient.of(service, options, headers=endpoint.headers)

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

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        """See `Dashboard.find_trace`."""
        return None if self._sends_traces else self.receipt(item.trace.trace_id)

    def size_of(self, trace: Trace) -> int:
        """See `Dashboard.size_of`: about how many characters."""
        values = (value for span in trace.spans for value in span.attributes.values())
        return len(trace.spans) * 200 + sum(len(v) for v in values if isinstance(v, str))

    def put_spans(self, traces: Sequence[Trace]) -> None:
        """See `Dashboard.put_spans`: with what was sent before where a trace has grown."""
        self._post([span for trace in traces for span in trace.spans])

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """See `Dashboard.put_view`."""
        span = late_span(place, view)
        attributes = dict(span.attributes)
        if isinstance(view, Heatmap):
            attributes = {HEATMAP: plain_heatmap(view.explanation), **attributes}
        if not self._picture:
            attributes = {k: v for k, v in attributes.items() if k not in PICTURE_ATTRIBUTES}
        resource = shown.item.trace.span(place.span_id).resource
        update = {"attributes": _within(attributes, self._longest), "resource": resource}
        self._post([span.model_copy(update=update)])
        return self.receipt(place.trace_id)

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
