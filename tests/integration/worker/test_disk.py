"""A disk that takes nothing for a while: everything waits, and goes on by itself.

The limit on the size of files (RLIMIT_FSIZE) stands for the full disk: it can be set from
outside while the worker runs, and stops every write of the process to every file.
"""

import threading

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.fake_tracker import FolderTracker
from tests.support.limited_worker import LimitedWorker
from tests.support.planted import PlantedServer
from tests.support.worker_settings import (
    capture,
    requests_sent,
    slow_answer,
    wait_for,
)


@pytest.mark.slow
def test_in_the_middle_of_explanations(settings: Settings, server: PlantedServer) -> None:
    server.function = slow_answer
    worker = LimitedWorker(settings.home, server.base_url)
    try:
        capture(settings, 1, 2, 3)
        wait_for(lambda: len(server.bodies) >= 8, 300)
        with worker.full_disk():
            wait_for(lambda: worker.said("everything waits"))
            capture(settings, 4)
            asked = len(server.bodies)
            threading.Event().wait(3.0)
            assert len(server.bodies) <= asked + 2  # nothing is asked that could not be kept
        tracker = FolderTracker(settings.home / "tracker")
        wait_for(lambda: len(tracker.visible("explanation")) == 4, 300)
    finally:
        code = worker.stop()
    assert code == 0
    assert max(requests_sent(server).values()) == 1, "an answer that had come was paid for twice"
    assert worker.said("everything waits, and goes on by itself") == 1, worker.log
    assert worker.said("the store can be written again") == 1, worker.log
    assert not worker.said("Traceback")
    store = Store.open(settings)
    status = store.status()
    store.close()
    assert (status.explained, status.failed) == (4, 0)
    assert status.spent.calls == len(server.bodies)
