"""Langfuse: traces that stand there as a source; captured ones and their explanations."""

from smile_trace_langfuse.source import LangfuseSource
from smile_trace_langfuse.tracker import LangfuseTracker

__all__ = ["LangfuseSource", "LangfuseTracker"]
