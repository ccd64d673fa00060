"""Internal errors of capture: logged once, counted, never raised into the user's call."""

import contextlib
import logging
from collections import Counter

logger = logging.getLogger("smile_trace")

_counts: Counter[str] = Counter()
_logged: set[str] = set()


def report_error(what: str, error: BaseException | None = None) -> None:
    """Count an internal error, and log it the first time. Never raises.

    Args:
        what: one short sentence without variable parts; it is the key of the count.
        error: the exception, where there was one.
    """
    _counts[what] += 1
    if what in _logged:
        return
    _logged.add(what)
    # Logging handlers are the application's and may raise.
    with contextlib.suppress(Exception):
        logger.warning(
            "smile-trace: %s%s; your call goes on, further cases are only counted",
            what,
            "" if error is None else f" ({type(error).__name__}: {error})",
        )


def counts() -> dict[str, int]:
    """How often each error occurred in this process."""
    return dict(_counts)


def reset() -> None:
    """Forget all errors: a forked child and each test count their own."""
    _counts.clear()
    _logged.clear()
