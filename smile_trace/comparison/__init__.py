"""Prompt versions side by side, what a change did, and what mattered in a prompt's calls."""

from smile_trace.comparison.compare_versions import compare
from smile_trace.comparison.evidence import NothingToCompare
from smile_trace.comparison.replay_call import replay
from smile_trace.comparison.replayed import Replay

__all__ = ["NothingToCompare", "Replay", "compare", "replay"]
