"""Langfuse: traces that stand there are read and explained."""

from smile_trace_langfuse.source import LangfuseSource

__all__ = ["LangfuseSource"]
