"""Redaction: what of a text may be written, and where its offsets stand afterwards."""

from smile_trace.capture.redaction.edits import FAILED, Edit, move, redact
from smile_trace.capture.redaction.sanitizer import Sanitizer

__all__ = ["FAILED", "Edit", "Sanitizer", "move", "redact"]
