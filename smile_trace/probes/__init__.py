"""Probes: what happens to an answer when its request changes a little, in one respect at a time."""

from smile_trace.probes.api import profile, profile_metered, profile_prepared
from smile_trace.probes.base import Answer, Probe, Variant, Words, probe
from smile_trace.probes.kinds import PROBES, chosen
from smile_trace.probes.kinds.swap import Swap

__all__ = [
    "PROBES",
    "Answer",
    "Probe",
    "Swap",
    "Variant",
    "Words",
    "chosen",
    "probe",
    "profile",
    "profile_metered",
    "profile_prepared",
]
