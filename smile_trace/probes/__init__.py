"""Probes: what happens to an answer when its request changes a little, one respect at a time."""

from smile_trace.probes.api import profile, profile_prepared
from smile_trace.probes.base import Answer, Probe, Variant, Words, probe
from smile_trace.probes.catalogue import PROBES, chosen

__all__ = [
    "PROBES",
    "Answer",
    "Probe",
    "Variant",
    "Words",
    "chosen",
    "probe",
    "profile",
    "profile_prepared",
]
