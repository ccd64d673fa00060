"""The options of `[trackers.phoenix]`, and what Phoenix's own variables say."""

import os
from urllib.parse import unquote, urlsplit

from smile_trace._guards.presentable import presentable
from smile_trace.trackers.http import HttpOptions

DEFAULT_PROJECT = "smile-trace"


class PhoenixOptions(HttpOptions):
    """What is not set comes from Phoenix's own variables."""

    url: str | None = None
    """By default PHOENIX_COLLECTOR_ENDPOINT. Of a space in Phoenix's cloud, up to its name."""
    project: str = ""
    """By default PHOENIX_PROJECT_NAME, then `smile-trace`."""
    traces: bool = True
    """False where the application, or a Collector, sends the same traces to this Phoenix itself:
    then only explanations are delivered, into those."""

    @property
    def address(self) -> str:
        """The server's address.

        Raises:
            ValueError: there is none.
        """
        return address(self.url, "[trackers.phoenix]")

    @property
    def project_name(self) -> str:
        """The project of new traces."""
        own = os.environ.get("PHOENIX_PROJECT") or os.environ.get("PHOENIX_PROJECT_NAME")
        return self.project or own or DEFAULT_PROJECT


def address(url: str | None, table: str) -> str:
    """The server's address.

    Args:
        url: what the tables say; by default PHOENIX_COLLECTOR_ENDPOINT.
        table: the table that the message speaks of, such as `[trackers.phoenix]`.

    Raises:
        ValueError: there is none.
    """
    named = url or os.environ.get("PHOENIX_COLLECTOR_ENDPOINT") or ""
    if urlsplit(named).scheme not in ("http", "https"):
        raise ValueError(
            f"Phoenix's address is {presentable(named) or 'not set'}: set url of {table}, or "
            "PHOENIX_COLLECTOR_ENDPOINT, to the http(s) address of a Phoenix server (phoenix serve "
            "starts one at http://localhost:6006)"
        )
    return named.rstrip("/").removesuffix("/v1/traces")


def own_headers() -> dict[str, str]:
    """PHOENIX_CLIENT_HEADERS: `name=value,…`, percent-encoded, as Phoenix's clients read it."""
    text = os.environ.get("PHOENIX_CLIENT_HEADERS") or ""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}
