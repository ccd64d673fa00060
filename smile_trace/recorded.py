"""Moved to `smile_trace.testing`; this import path works for one more release."""

import warnings

from smile_trace.testing.recorded import RecordedModel

__all__ = ["RecordedModel"]

warnings.warn(
    "smile_trace.recorded has moved: import from smile_trace.testing",
    FutureWarning,
    stacklevel=2,
)
