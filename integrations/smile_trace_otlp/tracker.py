"""The tracker: traces as captured, and a late span per explanation, to any OTLP backend.

OTLP cannot replace or delete a span. A retry sends the same bytes; backends differ in how they
treat a span that they already have.

Spans go to the address in the settings, of a preset, or of OpenTelemetry's standard variables
("OpenTelemetry Protocol Exporter" of its specification). An address and its headers come from one
place: the values of one backend's variables are never sent to another. Sources of the presets: the
documentation of each backend (November 2026); the README says which were run.
"""

import io
import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from opentelemetry.util.re import parse_env_headers
from rich.console import Console

from smile_trace._guards.presentable import hide, presentable
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
from smile_trace.trackers.http import HttpClient, HttpOptions, RequestRejected, Service
from smile_trace.trackers.late_span import PICTURE_ATTRIBUTES, Parent, late_span
from smile_trace.trackers.otlp import Encoding, prepare_post
from smile_trace.trackers.presentation import HeatmapView, Presentation, View

PresetName = Literal["logfire", "weave", "datadog", "jaeger", "tempo", "grafana_cloud", "honeycomb"]


@dataclass(frozen=True)
class Header:
    """A header whose value is in an environment variable. With `user`, it is sent as HTTP Basic,
    with the variable as the password."""

    name: str
    variable: str
    user: str | None = None

    def value(self, environment: Mapping[str, str]) -> str:
        """Return the header's value; `ValueError` if the variable is not set."""
        set_to = environment.get(self.variable, "")
        if not set_to:
            raise ValueError(f"the header {self.name} comes from {self.variable}: set it")
        if self.user is None:
            return set_to
        return f"Basic {b64encode(f'{self.user}:{set_to}'.encode()).decode()}"


@dataclass(frozen=True)
class Preset:
    """A known backend.

    Args:
        endpoint: its address; None if each customer has one, which the standard variables hold.
        fixed: headers that are not secret.
        picture: whether it draws pictures in a span.
        longest: most characters of an attribute that it keeps; None for no limit.
        json: whether it takes JSON, too.
    """

    endpoint: str | None
    headers: tuple[Header, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    picture: bool = False
    longest: int | None = None
    json: bool = True


PRESETS: dict[PresetName, Preset] = {
    "logfire": Preset(
        "https://logfire-us.pydantic.dev", (Header("Authorization", "LOGFIRE_TOKEN"),)
    ),
    "weave": Preset(
        "https://trace.wandb.ai/otel",
        (
            Header("Authorization", "WANDB_API_KEY", user="api"),
            Header("project_id", "WEAVE_PROJECT"),
        ),
        json=False,
    ),
    "datadog": Preset(
        "https://otlp.datadoghq.com",
        (Header("dd-api-key", "DD_API_KEY"),),
        (("dd-otlp-source", "llmobs"),),
        json=False,
    ),
    "jaeger": Preset("http://localhost:4318"),
    "tempo": Preset("http://localhost:4318", longest=2_048),
    "grafana_cloud": Preset(None, longest=2_048),
    "honeycomb": Preset(
        "https://api.honeycomb.io",
        (Header("x-honeycomb-team", "HONEYCOMB_API_KEY"),),
        longest=64_000,
    ),
}


PATH = "v1/traces"
_PROTOCOLS: dict[str, Encoding] = {"http/protobuf": "protobuf", "http/json": "json"}


class OtlpOptions(HttpOptions):
    """The options of `[trackers.otlp]`; any of them activates the tracker."""

    preset: PresetName | None = None
    """A backend whose address, headers and limits are known."""
    endpoint: str | None = None
    """The backend's address, to which a missing `/v1/traces` is added; by default the preset's,
    then OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT."""
    header_env: dict[str, str] = {}
    """Headers: name to the environment variable that holds the value."""
    encoding: Encoding | None = None
    """Defaults to OTEL_EXPORTER_OTLP_PROTOCOL if the variables give the address, else protobuf."""
    traces: bool = True
    """False if the application itself sends the traces to the backend."""
    picture: bool | None = None
    """Whether the picture is sent; by default to a backend that draws it, or that is no preset."""


@dataclass(frozen=True)
class Endpoint:
    """The destination of spans: `PATH` below `base`, with these headers."""

    base: str
    headers: Mapping[str, str]
    encoding: Encoding


def endpoint_of(options: OtlpOptions, environment: Mapping[str, str]) -> Endpoint:
    """Return the endpoint that options and environment give; values of variables are shown nowhere.
    Raises `ValueError` if there is none, or it cannot be used; the message says what to set."""
    preset = PRESETS[options.preset] if options.preset else Preset(None)
    address = options.endpoint or preset.endpoint
    asked = [Header(name, variable) for name, variable in options.header_env.items()]
    headers = dict(preset.fixed)
    headers |= {header.name: header.value(environment) for header in (*preset.headers, *asked)}
    encoding = options.encoding
    if address is None:
        address, standard = _standard_address(environment), _standard(environment, "HEADERS")
        headers = {**parse_env_headers(standard, liberal=True), **headers}
        encoding = encoding or _standard_encoding(environment)
    for value in (*headers.values(), *(environment[h.variable] for h in (*preset.headers, *asked))):
        hide(value)
    if encoding == "json" and not preset.json:
        raise ValueError(f"[trackers.otlp] encoding: {options.preset} takes protobuf only")
    if not address.startswith(("http://", "https://")):
        raise ValueError(
            f"[trackers.otlp] endpoint: {presentable(address)!r} is not an OTLP/HTTP address: "
            "it begins with http:// or https:// (a Collector listens on port 4318)"
        )
    return Endpoint(_base(address), headers, encoding or "protobuf")


def _base(address: str) -> str:
    if "?" in address or "#" in address:
        raise ValueError("[trackers.otlp] endpoint: an address without ? and # is needed")
    return address.rstrip("/").removesuffix(f"/{PATH}")


def _standard(environment: Mapping[str, str], name: str) -> str:
    """Return the variable for traces, or else that for every signal."""
    return (
        environment.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "").strip()
        or environment.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()
    )


def _standard_address(environment: Mapping[str, str]) -> str:
    address = _standard(environment, "ENDPOINT")
    if not address:
        raise ValueError(
            "[trackers.otlp] has no address: set endpoint or preset, or "
            "OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS"
        )
    return address


def _standard_encoding(environment: Mapping[str, str]) -> Encoding:
    protocol = _standard(environment, "PROTOCOL") or "http/protobuf"
    if protocol not in _PROTOCOLS:
        raise ValueError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {presentable(protocol)!r}: OTLP is sent over HTTP "
            "only; set endpoint of [trackers.otlp] to the backend's HTTP port (4318)"
        )
    return _PROTOCOLS[protocol]


HEATMAP = "smile.heatmap"
"""Attribute: the heatmap as plain text, which every backend can show."""
HEATMAP_WIDTH = 96


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
            address="correct endpoint of [trackers.otlp] (a Collector takes OTLP over HTTP on port "
            "4318; gRPC, mostly on 4317, is not supported)",
            login="header_env of [trackers.otlp]",
        )
        self._http = HttpClient.of(service, options, headers=endpoint.headers)

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "OtlpTracker | None":
        """Return the tracker for `[trackers.otlp]`, else None. The standard variables alone do not
        ask for it: they may be the application's, or name our own receiver. Raises `ValueError` if
        an option is unknown or wrong, or there is no address."""
        if not options:
            return None
        checked = read_options(OtlpOptions, "otlp", options)
        return cls(endpoint_of(checked, os.environ), checked)

    def close(self) -> None:
        self._http.close()

    def check(self) -> bool:
        """See `Tracker.check`: send a request without spans, which some backends reject."""
        try:
            self._prepare([])()
        except RequestRejected as rejected:
            # A server of something else: no such path, or one that is only read.
            if rejected.status in (404, 405):
                raise TrackerUnavailable(
                    f"nothing accepts traces at {self._endpoint.base}/{PATH}: correct "
                    "endpoint of [trackers.otlp]"
                ) from rejected
        return True

    def may_have(self, trace: Trace) -> bool:
        return not self._sends_traces

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        return None if self._sends_traces else self.receipt(item.trace.trace_id)

    def size_of(self, trace: Trace) -> int:
        """See `Dashboard.size_of`: approximately in characters."""
        values = [value for span in trace.spans for value in span.attributes.values()]
        return len(trace.spans) * 200 + sum([len(v) for v in values if isinstance(v, str)])

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """See `Dashboard.prepare_spans`: a trace that has grown is sent again whole."""
        return self._prepare([span for trace in traces for span in trace.spans])

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        span = late_span(place, view)
        attributes = dict(span.attributes)
        if isinstance(view, HeatmapView):
            attributes = {HEATMAP: plain_heatmap(view.explanation), **attributes}
        if not self._picture:
            attributes = {k: v for k, v in attributes.items() if k not in PICTURE_ATTRIBUTES}
        resource = shown.item.trace.span(place.span_id).resource
        update = {"attributes": _within(attributes, self._longest), "resource": resource}
        self._prepare([span.model_copy(update=update)])()
        return self.receipt(place.trace_id)

    def _prepare(self, spans: Sequence[Span]) -> Callable[[], None]:
        return prepare_post(self._http, PATH, spans, encoding=self._endpoint.encoding)


def plain_heatmap(explanation: Explanation) -> str:
    """Draw the heatmap as text: ⁺ and ⁻ follow what supports the answer and works against it."""
    written = io.StringIO()
    print_terminal(explanation, Console(file=written, width=HEATMAP_WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _within(attributes: dict[str, JSON], longest: int | None) -> dict[str, JSON]:
    """Cut texts that the backend would cut; JSON that it would cut is left out."""
    if longest is None:
        return attributes
    kept: dict[str, JSON] = {}
    for name, value in attributes.items():
        if not isinstance(value, str) or len(value) <= longest:
            kept[name] = value
        elif not value.startswith("{"):
            kept[name] = value[: longest - 1] + "…"
    return kept
