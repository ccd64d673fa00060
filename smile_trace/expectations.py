"""Moved to `smile_trace.testing`; this import path works for one more release."""

import warnings

from smile_trace.testing.expectations import assert_driven_by, assert_no_effect

__all__ = ["assert_driven_by", "assert_no_effect"]

warnings.warn(
    "smile_trace.expectations has moved: import from smile_trace.testing",
    FutureWarning,
    stacklevel=2,
)
