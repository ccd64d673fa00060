"""The tracker."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.records import JSON
from smile_trace.trackers import Tracker


class CometTracker:
    """Delivers to Comet."""

    name: ClassVar[str] = "comet"

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "Tracker | None":
        """Not yet active."""
        return None
