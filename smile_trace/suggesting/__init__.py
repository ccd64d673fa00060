"""Suggestions: possible changes of a prompt, each replayed before anybody sees it."""

from smile_trace.suggesting.api import suggest

__all__ = ["suggest"]
