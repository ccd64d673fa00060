"""The number by which a trace is sampled: the same wherever it is computed."""

import hashlib


def trace_fraction(trace_id: str) -> float:
    """A number in [0, 1), uniform over traces (32 hex digits): a trace is drawn if it is below the
    rate. Drawing at a rate r, and again at a rate q ≤ r, is drawing at q."""
    return int(hashlib.sha256(trace_id.encode()).hexdigest()[:13], 16) / 16**13
