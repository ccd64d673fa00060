"""Prompt versions side by side, what a change did, and what mattered in a prompt's calls."""

from smile_trace.comparison.compare_versions import compare
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.replay_call import Replay, replay

__all__ = ["NothingToCompare", "Replay", "compare", "replay"]
