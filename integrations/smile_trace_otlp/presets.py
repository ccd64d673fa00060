"""What is known of backends that take OTLP: where, under which header, and what they show.

Sources: the documentation of each (November 2026). Which of them were run is in the README.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
