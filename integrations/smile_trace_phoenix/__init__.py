"""Arize Phoenix: explanations inside the traces that stand there, which are read, too."""

from smile_trace_phoenix.source import PhoenixSource
from smile_trace_phoenix.tracker import PhoenixTracker

__all__ = ["PhoenixSource", "PhoenixTracker"]
