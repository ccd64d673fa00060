"""Prompt versions side by side: what each part of a template does, and what a change did."""

from smile_trace.comparison.comparing import compare
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.reproduction import Replay, replay

__all__ = ["NothingToCompare", "Replay", "compare", "replay"]
