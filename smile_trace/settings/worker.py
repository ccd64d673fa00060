"""The worker, what it reads, what it keeps and where."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict, Field, field_validator

from smile_trace.settings.table import Cap, Table


class Worker(Table):
    """The background process."""

    poll_seconds: float = Field(2.0, gt=0)
    """Time between two polls of the spool and the outboxes."""
    trace_silence_seconds: float = Field(300.0, ge=0)
    """A trace without its root is complete when nothing was added to it for this long."""
    pull_seconds: float = Field(30.0, gt=0)
    """Time between two looks at the backends of `[sources.NAME]`."""
    external_trace_seconds: float = Field(600.0, ge=0)
    """How long the user's own trace is looked for on the tracker before ours is delivered."""
    comparison_seconds: float = Field(900.0, gt=0)
    """How often the comparisons of prompt versions on the trackers are brought up to date."""
    report_seconds: float = Field(3600.0, gt=0)
    """How often the trackers' pages on what mattered in each prompt this week are brought up to
    date."""
    concurrent_explanations: int = Field(4, ge=1)
    """Explanations under way at once."""
    metrics_port: int | None = Field(None, ge=1, le=65535)
    """Port on which Prometheus finds the worker's counts at `/metrics`."""
    metrics_host: str = "127.0.0.1"
    """Address of that port; another than loopback shows counts and names to whoever reaches it."""
    otlp_endpoint: str | None = Field(None, pattern=r"^https?://\S+$")
    """Where the worker sends OpenTelemetry traces of its own work (`http://collector:4318`), with
    the headers of OTEL_EXPORTER_OTLP_HEADERS."""


class Receive(Table):
    """The OTLP/HTTP receiver: `smile-trace receive`, or with a `port` here the worker itself."""

    host: str = "127.0.0.1"
    """Address to listen on. On another than loopback, `token_env` must be set."""
    port: int | None = Field(None, ge=0, le=65535)
    """Port; if it is set, the worker receives on it, too. By default `smile-trace receive` uses
    4318. (0: any free port, which is logged)"""
    token_env: str | None = None
    """The environment variable that holds a token; clients send `Authorization: Bearer …`."""
    cert: Path | None = None
    """PEM file of the certificate, for TLS."""
    key: Path | None = None
    """PEM file of its key, where that is not in the certificate's."""
    max_body_mb: float = Field(32.0, gt=0, le=64)
    """Megabytes of one request, also once it is unpacked; a larger one is refused (413)."""
    max_mb_per_second: float = Field(64.0, gt=0)
    """Megabytes of requests per second, on average; more has to wait (429)."""


class Ship(Table):
    """`smile-trace ship`: an application host's spool, sent to a receiver."""

    url: str | None = None
    """Address of the receiver (`https://receiver:4318`) or of the load balancer before several."""
    token_env: str | None = None
    """The environment variable that holds the receiver's token."""
    ca_file: Path | None = None
    """PEM file of the authority that vouches for the receiver; without it those of the system."""
    rate: float = Field(1.0, gt=0, le=1)
    """Share of the traces that is sent; at least `sampling.rate` of the workers."""
    minimum_per_prompt_version: int = Field(3, ge=0)
    """Calls of each prompt version or function on this host that are sent whatever the rate."""
    poll_seconds: float = Field(2.0, gt=0)
    """Time between two looks at the spool."""
    timeout_seconds: float = Field(30.0, gt=0)
    """How long the receiver may be silent before a request is sent again."""
    drain_seconds: float = Field(20.0, ge=0)
    """How long a stopped shipper goes on sending what is in the spool."""


class Files(Table):
    """Files of OTLP/JSON lines that others write, as the Collector's file exporter does."""

    paths: tuple[str, ...] = ()
    """Absolute paths, also with `*`, `?` and `**`; plain, gzip or zstd."""

    @field_validator("paths")
    @classmethod
    def _absolute(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        expanded = tuple(str(Path(path).expanduser()) for path in paths)
        if relative := [path for path in expanded if not path.startswith("/")]:
            raise ValueError(f"write an absolute path in place of {relative[0]!r}")
        return expanded


class Sources(Table):
    """Where calls come from besides this machine's applications."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, str | int | float | bool | tuple[str, ...]]]

    files: Files = Files()

    @property
    def pulled(self) -> Mapping[str, Mapping[str, str | int | float | bool | tuple[str, ...]]]:
        """The tables of backends read over their API, by name; each documents its options."""
        return self.__pydantic_extra__


class Retention(Table):
    """What the store keeps and for how long; `"none"` = no end. Whatever waits for a model or
    a tracker is kept."""

    days: Cap[float] = Field(180.0, gt=0)
    """Traces with their calls and explanations, after their last change."""
    response_days: Cap[float] = Field(30.0, gt=0)
    """Cached answers of the models, so that none is paid for twice."""
    corrupt_line_days: Cap[float] = Field(30.0, gt=0)
    """Lines of the spool that could not be read."""
    megabytes: Cap[int] = Field(4096, ge=1)
    """Size of the store beyond which the oldest answers are deleted, then the oldest traces."""


class StoreSettings(Table):
    """Where the store is: in the home, or in a PostgreSQL database that many workers share."""

    url: str | None = None
    """The address of a PostgreSQL database (14 or newer), `postgresql://role@host:5432/name`;
    without it the store is a file in the home. The password is read from `password_env`, or from
    libpq's own files and variables (`~/.pgpass`, `PGSERVICE`)."""
    password_env: str | None = None
    """The environment variable that holds the role's password."""

    @field_validator("url")
    @classmethod
    def _of_a_database(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not re.match(r"postgres(ql)?://", url):
            raise ValueError("write it like postgresql://role@host:5432/name")
        try:
            said = urlsplit(url)
            has_password = said.password is not None or re.search(r"[?&]password=", url)
        except ValueError:
            raise ValueError("write it like postgresql://role@host:5432/name") from None
        if has_password:
            raise ValueError(
                "do not put a password in it: set password_env to the name of a variable that "
                "holds it"
            )
        return url.replace("postgres://", "postgresql://", 1)

    def connection(self) -> str | None:
        """The address with the password, or None for a file; raises ValueError if it is missing."""
        if self.url is None or self.password_env is None:
            return self.url
        password = os.environ.get(self.password_env)
        if not password:
            raise ValueError(f"set {self.password_env}, which is to hold the store's password")
        role, at, rest = self.url.partition("://")[2].partition("@")
        if not at:
            raise ValueError("name the role in store.url: postgresql://role@host:5432/name")
        return f"postgresql://{role}:{quote(password, safe='')}@{rest}"
