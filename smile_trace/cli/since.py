"""`--since`: a time, or an age."""

import re
import time
from datetime import UTC, datetime

from smile_trace.errors import SmileTraceError

HELP = "A time (2026-11-26, 2026-11-26T09:30) or an age (90m, 7d)."

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def since_ns(text: str) -> int:
    """Unix nanoseconds.

    Raises:
        SmileTraceError: it is neither a time nor an age.
    """
    if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return max(int((time.time() - int(age[1]) * _UNITS[age[2]]) * 1e9), 0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SmileTraceError(
            f"--since {text!r} is no time: write 2026-11-26T09:30, or an age such as 90m, 12h, 7d"
        ) from None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return min(max(int(seconds * 1e9), 0), 2**63 - 1)
