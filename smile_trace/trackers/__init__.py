"""Trackers: dashboards we deliver to. The core never imports one; entry points find them."""

from smile_trace.records import ForgottenCall, ForgottenTrace
from smile_trace.trackers.discovery import discover, read_options
from smile_trace.trackers.protocol import (
    Capabilities,
    CapturedTrace,
    ComparedPrompt,
    Deferred,
    ExplainedCall,
    ExplainedPath,
    Outcome,
    ProfiledCall,
    Receipt,
    Rejected,
    Skipped,
    Tracker,
    TrackerUnavailable,
    UnexplainedCall,
)

__all__ = [
    "Capabilities",
    "CapturedTrace",
    "ComparedPrompt",
    "Deferred",
    "ExplainedCall",
    "ExplainedPath",
    "ForgottenCall",
    "ForgottenTrace",
    "Outcome",
    "ProfiledCall",
    "Receipt",
    "Rejected",
    "Skipped",
    "Tracker",
    "TrackerUnavailable",
    "UnexplainedCall",
    "discover",
    "read_options",
]
