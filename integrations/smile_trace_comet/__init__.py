"""Comet: captured calls as CometLLM traces, explanations on them, prompt versions compared."""

from smile_trace_comet.archive import CometArchiveTracker
from smile_trace_comet.tracker import CometTracker

__all__ = ["CometArchiveTracker", "CometTracker"]
