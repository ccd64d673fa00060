"""Arize Phoenix: a source of its traces, and a tracker that puts explanations into traces there."""

from smile_trace_phoenix.source import PhoenixSource
from smile_trace_phoenix.tracker import PhoenixTracker

__all__ = ["PhoenixSource", "PhoenixTracker"]
