"""What a tracker is given once per prompt, and again when it has changed."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, TypeVar

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.trackers import Outcome, Receipt, Tracker, TrackerUnavailable

logger = logging.getLogger(__name__)

State = TypeVar("State")


class PerPrompt(ABC, Generic[State]):
    """Makes something of each prompt anew when its state has changed, and delivers it in place of
    the one before. Nothing is asked of any model: the store alone is read."""

    what: ClassVar[str]
    """In messages."""

    def __init__(
        self, tracker: Tracker, store: Store, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._settings = settings
        self._clock = clock
        self._next = clock() + self._seconds
        self._delivered: dict[str, State] = {}

    @property
    @abstractmethod
    def _seconds(self) -> float:
        """Between two looks at the store."""

    @property
    @abstractmethod
    def _shown(self) -> bool:
        """Whether the tracker shows this at all."""

    @abstractmethod
    def _states(self, now: float) -> Mapping[str, State]:
        """By prompt that takes part: what it is made anew for, where it differs from last time."""

    @abstractmethod
    def _deliver(self, prompt: str, now: float) -> Outcome | None:
        """Make it and deliver it; None where nothing was made, for a reason that was logged.

        Raises:
            TrackerUnavailable: nothing was taken.
        """

    def deliver_anew(self) -> None:
        """Deliver all again: some may have been deleted with a forgotten trace."""
        self._delivered.clear()

    def run(self, *, at_once: bool = False) -> int:
        """Deliver what has changed, if it is time; returns how many arrived.

        Raises:
            TrackerUnavailable: nothing more was taken; it is tried again the next time.
        """
        now = self._clock()
        if not (at_once or now >= self._next) or not self._shown:
            return 0
        self._next = now + self._seconds
        arrived = 0
        for prompt, state in self._states(now).items():
            if self._delivered.get(prompt) == state:
                continue
            try:
                outcome = self._deliver(prompt, now)
            except TrackerUnavailable:
                self._next = now  # as soon as it takes anything again
                raise
            except StoreError:
                raise
            except Exception as error:  # the other prompts' arrive all the same
                logger.warning("%s: the %s was not delivered", prompt, self.what, exc_info=error)
                continue
            if isinstance(outcome, Receipt):
                self._delivered[prompt] = state
                arrived += 1
            elif outcome is not None:
                logger.warning("%s: the %s waits: %s", prompt, self.what, outcome.reason)
        return arrived
