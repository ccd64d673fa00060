"""A number of a trace by which it is sampled: the same one wherever it is asked for."""

import hashlib


def trace_fraction(trace_id: str) -> float:
    """A number in [0, 1), uniform over traces: a trace is drawn where it is below the rate.

    Whoever draws at a rate r, and again at a rate q ≤ r, has drawn at q.

    Args:
        trace_id: 32 lower-case hex digits.
    """
    return int(hashlib.sha256(trace_id.encode()).hexdigest()[:13], 16) / 16**13
