"""Redaction and truncation of texts, and the mapping of offsets from before to after."""

from smile_trace.capture.redaction.edits import FAILED, Edit, move, redact
from smile_trace.capture.redaction.sanitizer import Sanitizer

__all__ = ["FAILED", "Edit", "Sanitizer", "move", "redact"]
