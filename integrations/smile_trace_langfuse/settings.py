"""Where Langfuse is and with which keys: by the tables of the settings, and its own variables."""

import os

from smile_trace._guards.presentable import presentable

CLOUD = "https://cloud.langfuse.com"


def own_keys() -> tuple[str, str]:
    """Public and secret key; empty where there is none. They say which project."""
    public, secret = (os.environ.get(f"LANGFUSE_{kind}_KEY") or "" for kind in ("PUBLIC", "SECRET"))
    return public, secret


def address(url: str | None, table: str, keys: tuple[str, str]) -> str:
    """The server's address, which is of use with both keys.

    Args:
        url: what the tables say; by default LANGFUSE_BASE_URL, LANGFUSE_HOST, Langfuse's cloud.
        table: the table that the message speaks of, such as `[trackers.langfuse]`.

    Raises:
        ValueError: it is none, or a key is missing.
    """
    own = os.environ.get("LANGFUSE_BASE_URL") or os.environ.get("LANGFUSE_HOST")
    found = url or own or CLOUD
    if not found.startswith(("http://", "https://")) or not all(keys):
        raise ValueError(
            f"Langfuse at {presentable(found)} needs an http(s) address (url of {table}, or "
            "LANGFUSE_BASE_URL) and the keys of a project: set LANGFUSE_PUBLIC_KEY and "
            "LANGFUSE_SECRET_KEY"
        )
    return found
