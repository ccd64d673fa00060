"""Opik: captured calls as traces, explanations as spans with heatmaps; a source of its traces."""

from smile_trace_opik.source import OpikSource
from smile_trace_opik.tracker import OpikTracker

__all__ = ["OpikSource", "OpikTracker"]
