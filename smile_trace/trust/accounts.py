"""Whose keys are whose: the variables that hold them, their provider's hosts, and the variables in
which a person says another address."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from smile_trace._guards.addresses import is_loopback

_PORTS = {"http": 80, "https": 443, "postgresql": 5432}
# No more than what every client reads in the same way.
_ADDRESS = re.compile(
    r"(?i)(https?|postgresql)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:/[!-~]*)?"
)


class Origin(NamedTuple):
    """Scheme, host and port of an address: who is asked there."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, which `0.0.0.0` is, too, where one connects to it."""
        return self.host == "0.0.0.0" or is_loopback(self.host)


def origin_of(address: str) -> Origin | None:
    """Who an address leads to; None where programs may read it differently."""
    found = _ADDRESS.fullmatch(address)
    if found is None or "\\" in address:
        return None
    scheme = found[1].lower()
    return Origin(scheme, found[2].lower(), int(found[3] or _PORTS[scheme]))


@dataclass(frozen=True)
class Account:
    """A provider's keys.

    Args:
        keys: the variables that hold them.
        hosts: the provider's own, asked over HTTPS; `*.` stands for any names before.
        addresses: the variables that name another address for these keys.
    """

    keys: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def goes_to(self, origin: Origin) -> bool:
        """Whether that is the provider itself, or what the environment names for these keys."""
        own = origin.scheme == "https" and origin.port == _PORTS["https"]
        if own and any(_matches(origin.host, host) for host in self.hosts):
            return True
        named = (os.environ.get(name, "") for name in self.addresses)
        return any(origin == _origin_named(address) for address in named if address)


def _matches(host: str, own: str) -> bool:
    return host.endswith(own[1:]) if own.startswith("*.") else host == own


def _origin_named(address: str) -> Origin | None:
    """That of a variable, in which some write a host without a scheme (OLLAMA_HOST)."""
    return origin_of(address if "://" in address else f"http://{address}")


_OTLP = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

ACCOUNTS: Mapping[str, Account] = {
    # Models.
    "openai": Account(
        ("OPENAI_API_KEY",),
        ("api.openai.com", "*.api.openai.com"),
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    ),
    "anthropic": Account(
        ("ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"),
        ("api.anthropic.com",),
        ("ANTHROPIC_BASE_URL",),
    ),
    # Each customer has a host of its own there, so that none is every customer's.
    "azure": Account(("AZURE_OPENAI_API_KEY",), (), ("AZURE_OPENAI_ENDPOINT",)),
    "google": Account(("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("generativelanguage.googleapis.com",)),
    "mistral": Account(("MISTRAL_API_KEY",), ("api.mistral.ai",)),
    "groq": Account(("GROQ_API_KEY",), ("api.groq.com",)),
    "openrouter": Account(("OPENROUTER_API_KEY",), ("openrouter.ai",)),
    "together": Account(("TOGETHER_API_KEY",), ("api.together.xyz", "api.together.ai")),
    "deepseek": Account(("DEEPSEEK_API_KEY",), ("api.deepseek.com",)),
    "fireworks": Account(("FIREWORKS_API_KEY",), ("api.fireworks.ai",)),
    "xai": Account(("XAI_API_KEY",), ("api.x.ai",)),
    "cohere": Account(("COHERE_API_KEY", "CO_API_KEY"), ("api.cohere.com", "api.cohere.ai")),
    "huggingface": Account(("HF_TOKEN",), ("router.huggingface.co",)),
    "ollama": Account(("OLLAMA_API_KEY",), ("ollama.com",), ("OLLAMA_HOST",)),
    # Trackers and sources, by the names of their tables.
    "mlflow": Account(
        ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
        (),
        ("MLFLOW_TRACKING_URI",),
    ),
    "langfuse": Account(
        ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"),
        ("cloud.langfuse.com", "*.cloud.langfuse.com"),
        ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    ),
    "phoenix": Account(
        ("PHOENIX_API_KEY", "PHOENIX_CLIENT_HEADERS"),
        ("app.phoenix.arize.com",),
        ("PHOENIX_COLLECTOR_ENDPOINT",),
    ),
    "opik": Account(("OPIK_API_KEY",), ("www.comet.com",), ("OPIK_URL_OVERRIDE",)),
    "comet": Account(("COMET_API_KEY",), ("www.comet.com",), ("COMET_URL_OVERRIDE",)),
    # Backends that take OTLP, by the names of their presets.
    "otlp": Account(("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"), (), _OTLP),
    "logfire": Account(
        ("LOGFIRE_TOKEN",), ("logfire-us.pydantic.dev", "logfire-eu.pydantic.dev"), _OTLP
    ),
    "weave": Account(("WANDB_API_KEY", "WEAVE_PROJECT"), ("trace.wandb.ai",), _OTLP),
    "datadog": Account(
        ("DD_API_KEY",),
        ("otlp.datadoghq.com", "*.datadoghq.com", "*.datadoghq.eu"),
        _OTLP,
    ),
    "honeycomb": Account(
        ("HONEYCOMB_API_KEY",), ("api.honeycomb.io", "api.eu1.honeycomb.io"), _OTLP
    ),
}
"""By name. A host of many customers is no provider's own."""


def goes_freely(variable: str | None, origin: Origin) -> bool:
    """Whether a variable's value, or a prompt alone (None), goes there without a question."""
    if origin.is_here:
        return True
    accounts = ACCOUNTS.values()
    return any(
        account.goes_to(origin)
        for account in accounts
        if variable is None or variable in account.keys
    )
