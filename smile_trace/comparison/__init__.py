"""Prompt versions side by side: what each part of a template does, and what a change did."""

from smile_trace.comparison.comparing import compare
from smile_trace.comparison.evidence import NothingToCompare

__all__ = ["NothingToCompare", "compare"]
