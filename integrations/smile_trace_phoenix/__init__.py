"""Arize Phoenix: traces that stand there are read."""

from smile_trace_phoenix.source import PhoenixSource

__all__ = ["PhoenixSource"]
