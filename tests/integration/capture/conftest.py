"""Every test of capture has a home of its own and starts without internal errors."""

from tests.support.capture_fixtures import found, home, no_internal_errors, temporary

__all__ = ["found", "home", "no_internal_errors", "temporary"]
