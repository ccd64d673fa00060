"""Opik: captured calls as traces, their explanations as spans with the heatmap attached."""

from smile_trace_opik.tracker import OpikTracker

__all__ = ["OpikTracker"]
