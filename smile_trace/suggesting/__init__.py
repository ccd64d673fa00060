"""Suggestions: what could be changed in a prompt, each replayed before anybody sees it."""

from smile_trace.suggesting.api import suggest

__all__ = ["suggest"]
