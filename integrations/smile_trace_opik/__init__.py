"""Opik: captured calls as traces, their explanations as spans with the heatmap attached; its own
traces are read."""

from smile_trace_opik.source import OpikSource
from smile_trace_opik.tracker import OpikTracker

__all__ = ["OpikSource", "OpikTracker"]
