"""A worker whose clock a test turns: an hour of bad weather passes in seconds."""

import threading
import time
from collections.abc import Callable

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import Tracker
from smile_trace.worker.run import run

HOUR = 3600.0
DAY = 24 * HOUR


class Clock:
    """Unix seconds that a test turns; the day has only begun, whenever the test runs."""

    def __init__(self) -> None:
        self.now = time.time() // DAY * DAY

    def __call__(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        """Let the worker live through so many seconds, in minutes that it has time to notice."""
        until = self.now + seconds
        while self.now < until:
            self.now += 60.0
            time.sleep(0.05)


class Weather:
    """A running worker, its clock and its store."""

    def __init__(self, settings: Settings, tracker: Tracker) -> None:
        self.clock = Clock()
        self.store = Store.open(settings, self.clock)
        self._stopping = threading.Event()
        self._worker = threading.Thread(
            target=run,
            args=(settings,),
            kwargs={"trackers": [tracker], "stopping": self._stopping, "clock": self.clock},
        )
        self._worker.start()

    def until(self, condition: Callable[[], object]) -> None:
        """Time passes until it is so."""
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.clock.pass_time(1.0)

    def stop(self) -> None:
        """End the worker."""
        self._stopping.set()
        self._worker.join(120)
        self.store.close()
        assert not self._worker.is_alive()


Start = Callable[[Settings, Tracker], Weather]
