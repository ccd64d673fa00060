"""Where spans are sent: by the settings, by what is known of a backend, or by the standard
variables of OpenTelemetry ("OpenTelemetry Protocol Exporter" of its specification).

An address and its headers come from one place: what one backend's variables hold is never sent to
another. What is known of backends: where, under which header, and what they show.

Sources: the documentation of each (November 2026). Which of them were run is in the README.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from opentelemetry.util.re import parse_env_headers

from smile_trace._guards.presentable import hide, presentable
from smile_trace.trackers.http import HttpOptions
from smile_trace.trackers.otlp import Encoding

PresetName = Literal["logfire", "weave", "datadog", "jaeger", "tempo", "grafana_cloud", "honeycomb"]


@dataclass(frozen=True)
class Header:
    """A header whose value stands in an environment variable.

    `user`: it is sent as HTTP Basic, with the variable as the password; None: as it is.
    """

    name: str
    variable: str
    user: str | None = None

    def value(self, environment: Mapping[str, str]) -> str:
        """What is sent.

        Raises:
            ValueError: the variable is not set.
        """
        set_to = environment.get(self.variable, "")
        if not set_to:
            raise ValueError(f"the header {self.name} comes from {self.variable}: set it")
        if self.user is None:
            return set_to
        return f"Basic {b64encode(f'{self.user}:{set_to}'.encode()).decode()}"


@dataclass(frozen=True)
class Preset:
    """One backend.

    Args:
        endpoint: its address; None where each customer has one of their own, which the standard
            variables hold.
        headers: those that it asks for.
        fixed: headers that are no secret.
        picture: whether it draws pictures in a span.
        longest: characters of an attribute that it keeps.
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
