"""What people say of the probes' variants, and what it makes of a probe's number. Pure."""

from smile_trace.probes.confirmation.choice import choose
from smile_trace.probes.confirmation.judges import agreement
from smile_trace.probes.confirmation.precision import (
    Judge,
    confirmation,
    confirmations,
    is_confirmed,
)
from smile_trace.probes.confirmation.reliability import reliability

__all__ = [
    "Judge",
    "agreement",
    "choose",
    "confirmation",
    "confirmations",
    "is_confirmed",
    "reliability",
]
