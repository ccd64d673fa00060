"""The tracker in this process, pointed at the fake server."""

from collections.abc import Iterator

import pytest

from smile_trace_comet import CometTracker
from tests.support.fake_comet import FakeComet


@pytest.fixture
def tracker(comet_server: FakeComet) -> Iterator[CometTracker]:
    """A tracker that waits as long as a busy machine may need."""
    made = CometTracker.from_settings({"timeout_seconds": 30})
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def hasty(comet_server: FakeComet) -> Iterator[CometTracker]:
    """A tracker that gives up on a silent server after half a second."""
    made = CometTracker.from_settings({"timeout_seconds": 0.5})
    assert made is not None
    yield made
    made.close()
