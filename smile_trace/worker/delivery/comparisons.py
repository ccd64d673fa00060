"""Keeps the comparisons of prompt versions on a tracker up to date."""

import logging
import time
from collections.abc import Callable

from smile_trace.comparison import compare
from smile_trace.comparison.influence.verdicts import MIN_CALLS
from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.trackers import (
    ComparedPrompt,
    Outcome,
    Receipt,
    Tracker,
    TrackerUnavailable,
)

logger = logging.getLogger(__name__)

MAX_TRACES = 100
"""Traces of a version that a tracker is told."""


class Comparisons:
    """Compares each prompt anew when its explained calls have changed, and delivers the result.

    Nothing is asked of any model: the store alone is read. A prompt takes part once it has two
    versions, and one of them MIN_CALLS explained calls.
    """

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._settings = settings
        self._clock = clock
        self._next = clock() + settings.worker.comparison_seconds
        self._delivered: dict[str, dict[str, int]] = {}

    def deliver_anew(self) -> None:
        """Deliver every comparison again: some may have been deleted with a forgotten trace."""
        self._delivered.clear()

    def run(self, *, at_once: bool = False) -> int:
        """Deliver what has changed, if it is time; returns how many comparisons arrived.

        Raises:
            TrackerUnavailable: nothing more was taken; it is tried again the next time.
        """
        due = at_once or self._clock() >= self._next
        if not due or not self._tracker.capabilities.comparisons:
            return 0
        self._next = self._clock() + self._settings.worker.comparison_seconds
        arrived = 0
        with self._store.reading_prompts() as prompts:
            counted = prompts.explained_versions()
        for prompt, explained in counted.items():
            enough = len(explained) > 1 and max(explained.values()) >= MIN_CALLS
            if not enough or self._delivered.get(prompt) == explained:
                continue
            try:
                comparison = compare(prompt, budget=0, settings=self._settings)
            except SmileTraceError as error:
                logger.warning("%s was not compared: %s", prompt, error)
                continue
            try:
                outcome = deliver(self._tracker, self._store, comparison)
            except TrackerUnavailable:
                self._next = self._clock()  # as soon as it takes anything again
                raise
            except StoreError:
                raise
            except Exception as error:  # the other prompts' arrive all the same
                logger.warning("%s: the comparison was not delivered", prompt, exc_info=error)
                continue
            if isinstance(outcome, Receipt):
                self._delivered[prompt] = explained
                arrived += 1
            else:
                logger.warning("%s: the comparison waits: %s", prompt, outcome.reason)
        return arrived


def deliver(tracker: Tracker, store: Store, comparison: Comparison) -> Outcome:
    """Give a comparison to a tracker, with the traces that it knows of each version.

    Raises:
        TrackerUnavailable: nothing was taken.
    """
    with store.reading_prompts() as prompts:
        traces = {
            version.label: prompts.delivered_as(
                comparison.prompt, version.version, tracker.name, limit=MAX_TRACES
            )
            for version in comparison.versions
        }
    return tracker.deliver_comparison(ComparedPrompt(comparison=comparison, traced_as=traces))
