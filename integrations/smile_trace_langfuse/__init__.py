"""Langfuse: a source of its traces, and a tracker for captured traces and explanations."""

from smile_trace_langfuse.source import LangfuseSource
from smile_trace_langfuse.tracker import LangfuseTracker

__all__ = ["LangfuseSource", "LangfuseTracker"]
