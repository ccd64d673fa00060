"""The addresses to which a settings file sends something, and with which variables: wherever a
table may hold one, also for a plug-in or a switched-off tracker."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from smile_trace._guards.addresses import is_loopback
from smile_trace.semconv import PREFIX
from smile_trace.trust.model_kinds import installed_kinds

_PORTS = {"http": 80, "https": 443, "postgresql": 5432}
# No more than what every client reads in the same way.
_ADDRESS = re.compile(
    r"(?i)(https?|postgresql)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:/[!-~]*)?"
)


class Origin(NamedTuple):
    """Scheme, host and port of an address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_here(self) -> bool:
        """Whether the host is this machine, as `0.0.0.0` is when one connects to it."""
        return self.host == "0.0.0.0" or is_loopback(self.host)


def origin_of(address: str) -> Origin | None:
    """The origin of an address; None if programs may read it differently."""
    parts = _ADDRESS.fullmatch(address)
    if parts is None or "\\" in address:
        return None
    scheme = parts[1].lower()
    return Origin(scheme, parts[2].lower(), int(parts[3] or _PORTS[scheme]))


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
        """Whether the origin is the provider's own, or named by the environment for these keys."""
        own = origin.scheme == "https" and origin.port == _PORTS["https"]
        exact = {host for host in self.hosts if not host.startswith("*.")}
        within = tuple(host[1:] for host in self.hosts if host.startswith("*."))
        if own and (origin.host in exact or origin.host.endswith(within)):
            return True
        named = filter(None, map(os.environ.get, self.addresses))
        origins = (origin_of(one if "://" in one else f"http://{one}") for one in named)
        return origin in origins


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
"""The accounts by name. A host shared by many customers is no provider's own."""


def goes_freely(variable: str | None, origin: Origin) -> bool:
    """Whether a variable's value, or a prompt alone (None), goes there without a question."""
    if origin.is_here:
        return True
    asked = (one for one in ACCOUNTS.values() if variable is None or variable in one.keys)
    return any(account.goes_to(origin) for account in asked)


Place = tuple[str, ...]
_ADDRESSES = ("url", "tracking_uri", "endpoint", "host")
"""Options of trackers and sources that always hold an address."""
_FOR_PEOPLE = ("ui_url",)
"""Addresses that are only shown."""
_DATABASE = re.compile(
    r"(?i)postgres(?:ql)?://(?:[^@/?#]*@)?([^@/?#]*)(?:/[^?#]*)?(?:\?(.*))?", re.DOTALL
)
_ELSEWHERE = {"host", "hostaddr", "service", "servicefile", "passfile"}
"""Parameters of libpq that name another server; a path is a socket of this machine."""


@dataclass(frozen=True)
class Destination:
    """An address at a `place` in a file, such as `("models", "gpt-4o", "base_url")`, and the
    variables whose values are sent there, too."""

    place: Place
    address: str
    variables: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Scheme, host and port; the whole text if programs may read it differently."""
        origin = origin_of(self.address)
        return self.address if origin is None else str(origin)

    @property
    def to_ask(self) -> list[str]:
        """The permissions needed: `""` for prompts and answers, and the variables sent, too."""
        origin = origin_of(self.address)
        sent = [None, *self.variables]
        return [one or "" for one in sent if origin is None or not goes_freely(one, origin)]


def destinations(settings: Mapping[str, Any]) -> Iterator[Destination]:
    """Every address in unchecked settings, as a file has them."""
    for name, table in _tables(settings, "models"):
        yield from _of_model(("models", name), table)
    for kind in ("trackers", "sources"):
        for name, table in _tables(settings, kind):
            yield from _of_backend((kind, name), table)
    for where, address, variables in (
        (("ship", "url"), _text(settings, "ship", "url"), _named(settings, "ship", "token_env")),
        (("worker", "otlp_endpoint"), _text(settings, "worker", "otlp_endpoint"), _keys("otlp")),
    ):
        if address:
            yield Destination(where, address, variables)
    if (url := _text(settings, "store", "url")) and (server := _database(url)):
        yield Destination(("store", "url"), server, _named(settings, "store", "password_env"))


def said_otherwise(place: Place, given: Mapping[str, Any]) -> bool:
    """Whether an argument (`given`) or a `SMILE_TRACE_…` variable replaces what stands there."""
    return _at(given, place) is not None or _in_environment(place)


def _of_model(place: Place, table: Mapping[str, Any]) -> Iterator[Destination]:
    kind = installed_kinds().get(str(table.get("kind")))
    fields, own = _of_kind(kind) if kind is not None else ({}, ())
    held = fields | {option: value for option, value in table.items() if value}
    key = held.get("api_key_env")
    for option, value in held.items():
        is_address = isinstance(value, str) and (option == "base_url" or "://" in value)
        if is_address and option != "model":
            variables = (key, *own) if isinstance(key, str) else own
            yield Destination((*place, option), value, variables)


def _of_kind(kind: EntryPoint) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        table = kind.load()
        return {name: field.default for name, field in table.model_fields.items()}, table.sends
    except (ImportError, AttributeError):  # the settings refuse it, and nothing is sent
        return {}, ()


def _of_backend(place: Place, table: Mapping[str, Any]) -> Iterator[Destination]:
    preset = table.get("preset")
    named = preset if isinstance(preset, str) else place[1]
    headers = table.get("header_env")
    asked = tuple(map(str, headers.values())) if isinstance(headers, Mapping) else ()
    keys = _keys(named) if named != "otlp" else ()  # the standard headers stay at their address
    has_address = False
    for option, held in table.items():
        for value in held if isinstance(held, list) else (held,):
            is_address = option in _ADDRESSES or (isinstance(value, str) and "://" in value)
            if isinstance(value, str) and is_address and option not in _FOR_PEOPLE:
                has_address = True
                yield Destination((*place, option), value, (*keys, *asked))
    if asked and not has_address and isinstance(preset, str):
        hosts = ACCOUNTS[preset].hosts if preset in ACCOUNTS else ()
        if hosts:
            yield Destination((*place, "endpoint"), f"https://{hosts[0]}", (*keys, *asked))


def _database(url: str) -> str | None:
    """The server of a database's address; None for a local socket or what the environment names."""
    parts = _DATABASE.fullmatch(url)
    if parts is None:
        return url
    for name, value in parse_qsl(parts[2] or "", keep_blank_values=True):
        if name.lower() in _ELSEWHERE and not value.startswith("/"):
            return url
    return f"postgresql://{parts[1]}" if parts[1] else None


def _tables(settings: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tables = settings.get(kind)
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            yield str(name), table


def _text(settings: Mapping[str, Any], *place: str) -> str | None:
    value = _at(settings, place)
    return value if isinstance(value, str) else None


def _named(settings: Mapping[str, Any], *place: str) -> tuple[str, ...]:
    variable = _text(settings, *place)
    return (variable,) if variable else ()


def _keys(account: str) -> tuple[str, ...]:
    return ACCOUNTS[account].keys if account in ACCOUNTS else ()


def _at(settings: Any, place: Place) -> Any:
    for name in place:
        is_table = isinstance(settings, Mapping)
        settings = settings.get(name) if is_table else getattr(settings, name, None)
        if settings is None:
            return None
    return settings


def _in_environment(place: Place) -> bool:
    """Whether a variable, or one of a table around it, which holds JSON, sets that place. pydantic
    reads variables' names in lower case, and a file's as they are."""
    if place != tuple(name.lower() for name in place):
        return False
    variables = {name.upper(): value for name, value in os.environ.items()}
    for length in range(len(place), 0, -1):
        held = variables.get(f"{PREFIX}{'__'.join(place[:length])}".upper())
        if held is None:
            continue
        if length == len(place):
            return True
        try:
            table = json.loads(held)
        except (ValueError, RecursionError):
            continue
        if _at(table, place[length:]) is not None:
            return True
    return False
