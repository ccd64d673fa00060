"""The tracker."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.records import JSON
from smile_trace.trackers import Tracker


class OpikTracker:
    """Delivers to Opik."""

    name: ClassVar[str] = "opik"

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "Tracker | None":
        """Not yet active."""
        return None
