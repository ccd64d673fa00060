"""What people say of the probes' variants, and what it makes of a probe's number. Pure."""

from smile_trace.probes.confirmation.choice import choose
from smile_trace.probes.confirmation.precision import confirmation, confirmations, is_confirmed
from smile_trace.probes.confirmation.reliability import reliability

__all__ = [
    "choose",
    "confirmation",
    "confirmations",
    "is_confirmed",
    "reliability",
]
