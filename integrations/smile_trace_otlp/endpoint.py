"""Where spans are sent: by the settings, by what is known of a backend, or by the standard
variables of OpenTelemetry ("OpenTelemetry Protocol Exporter" of its specification).

An address and its headers come from one place: what one backend's variables hold is never sent to
another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.util.re import parse_env_headers

from smile_trace._guards.presentable import hide, presentable
from smile_trace.trackers.http import HttpOptions
from smile_trace.trackers.otlp import Encoding
from smile_trace_otlp.presets import PRESETS, Header, Preset, PresetName

PATH = "v1/traces"
_PROTOCOLS: dict[str, Encoding] = {"http/protobuf": "protobuf", "http/json": "json"}


class OtlpOptions(HttpOptions):
    """The options of `[trackers.otlp]`; one of them is enough for the tracker to be active."""

    preset: PresetName | None = None
    """A backend whose address, headers and limits are known."""
    endpoint: str | None = None
    """Its address, to which `/v1/traces` is added where it is missing; by default the preset's,
    then OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT."""
    header_env: dict[str, str] = {}
    """Headers: by name the environment variable that holds the value."""
    encoding: Encoding | None = None
    """By default that of OTEL_EXPORTER_OTLP_PROTOCOL where the address is the variables', else
    protobuf."""
    traces: bool = True
    """False where the backend has the traces already, from the application itself."""
    picture: bool | None = None
    """Whether the picture is sent; by default to a backend that draws it, or is not known."""


@dataclass(frozen=True)
class Endpoint:
    """Where spans are sent: `PATH` below `base`, with these headers."""

    base: str
    headers: Mapping[str, str]
    encoding: Encoding


def endpoint_of(options: OtlpOptions, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that options and environment give. Values of variables are shown nowhere.

    Raises:
        ValueError: there is none, or it cannot be used; the message says what to set.
    """
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
            f"[trackers.otlp] endpoint: {presentable(address)!r} is no address of OTLP over HTTP: "
            "it begins with http:// or https:// (a Collector listens on port 4318)"
        )
    return Endpoint(_base(address), headers, encoding or "protobuf")


def _base(address: str) -> str:
    """The address as one to which the path is added."""
    if "?" in address or "#" in address:
        raise ValueError("[trackers.otlp] endpoint: an address without ? and # is needed")
    return address.rstrip("/").removesuffix(f"/{PATH}")


def _standard(environment: Mapping[str, str], name: str) -> str:
    """A variable for traces, or the one for everything."""
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
