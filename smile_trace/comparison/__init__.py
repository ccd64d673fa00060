"""Prompt versions side by side: what each part of a template does, and what a change did."""

from smile_trace.comparison.compare_versions import compare, influences
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.mattered import NothingToReport, report
from smile_trace.comparison.replay_call import Replay, replay

__all__ = [
    "NothingToCompare",
    "NothingToReport",
    "Replay",
    "compare",
    "influences",
    "replay",
    "report",
]
