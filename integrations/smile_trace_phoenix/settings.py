"""The options of `[trackers.phoenix]`, and what Phoenix's own variables say."""

import os
from urllib.parse import unquote, urlsplit

from pydantic import Field

from smile_trace.bounded_http import MAX_REPLY_MB
from smile_trace.presentable import presentable
from smile_trace.records import Record

DEFAULT_PROJECT = "smile-trace"


class PhoenixOptions(Record):
    """What is not set comes from Phoenix's own variables."""

    url: str | None = None
    """By default PHOENIX_COLLECTOR_ENDPOINT. Of a space in Phoenix's cloud, up to its name."""
    project: str = ""
    """By default PHOENIX_PROJECT_NAME, then `smile-trace`."""
    traces: bool = True
    """False where the application, or a Collector, sends the same traces to this Phoenix itself:
    then only explanations are delivered, into those."""
    timeout_seconds: float = Field(10.0, gt=0, le=300)
    """How long the server may be silent in one request, which may take six times as long."""
    max_reply_mb: float = Field(MAX_REPLY_MB, gt=0, le=1024)
    """Megabytes that a reply may have; a larger one is not read."""

    @property
    def address(self) -> str:
        """The server's address.

        Raises:
            ValueError: there is none.
        """
        named = self.url or os.environ.get("PHOENIX_COLLECTOR_ENDPOINT") or ""
        if urlsplit(named).scheme not in ("http", "https"):
            raise ValueError(
                f"Phoenix's address is {presentable(named) or 'not set'}: set url of "
                "[trackers.phoenix], or PHOENIX_COLLECTOR_ENDPOINT, to the http(s) address of a "
                "Phoenix server (phoenix serve starts one at http://localhost:6006)"
            )
        return named.rstrip("/").removesuffix("/v1/traces")

    @property
    def project_name(self) -> str:
        """The project of new traces."""
        own = os.environ.get("PHOENIX_PROJECT") or os.environ.get("PHOENIX_PROJECT_NAME")
        return self.project or own or DEFAULT_PROJECT


def own_headers() -> dict[str, str]:
    """PHOENIX_CLIENT_HEADERS: `name=value,…`, percent-encoded, as Phoenix's clients read it."""
    text = os.environ.get("PHOENIX_CLIENT_HEADERS") or ""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}
