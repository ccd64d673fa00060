"""What the package is called outside: its variables, its home, its release.

Standard library only, because capture and the shipper read it, too.
"""

from functools import cache

PREFIX = "SMILE_TRACE_"
"""Of the environment's variables."""

HOME = "~/.smile-trace"
"""Where the home is, unless SMILE_TRACE_HOME says it."""


@cache
def release() -> str | None:
    """The installed release; None where the code runs from a checkout that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("smile-trace")
    except PackageNotFoundError:
        return None
