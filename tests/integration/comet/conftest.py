"""The tracker in this process, pointed at the stand-in."""

from collections.abc import Iterator

import pytest

from smile_trace_comet import CometTracker
from smile_trace_comet.stand_in import StandIn


@pytest.fixture
def tracker(comet_server: StandIn) -> Iterator[CometTracker]:
    """A tracker that waits as long as a busy machine may need."""
    made = CometTracker.from_settings({"timeout_seconds": 30})
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def hasty(comet_server: StandIn) -> Iterator[CometTracker]:
    """A tracker that gives up on a silent server after half a second."""
    made = CometTracker.from_settings({"timeout_seconds": 0.5})
    assert made is not None
    yield made
    made.close()
