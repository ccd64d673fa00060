"""Keeps the comparisons of prompt versions on a tracker up to date."""

import logging
import time
from collections.abc import Callable

from smile_trace.comparison import compare
from smile_trace.comparison.verdicts import MIN_CALLS
from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import ComparedPrompt, Outcome, Tracker
from smile_trace.worker.delivery.per_prompt import PerPrompt

logger = logging.getLogger(__name__)

MAX_TRACES = 100
"""Traces of a version that a tracker is told."""


class Comparisons(PerPrompt[dict[str, int]]):
    """Compares each prompt anew when its explained calls have changed.

    A prompt takes part once it has two versions, and one of them MIN_CALLS explained calls.
    """

    what = "comparison"

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(tracker, store, settings, clock)

    @property
    def _seconds(self) -> float:
        return self._settings.worker.comparison_seconds

    @property
    def _shown(self) -> bool:
        return self._tracker.capabilities.comparisons

    def _states(self, now: float) -> dict[str, dict[str, int]]:
        with self._store.reading_prompts() as prompts:
            counted = prompts.explained_versions()
        return {
            prompt: explained
            for prompt, explained in counted.items()
            if len(explained) > 1 and max(explained.values()) >= MIN_CALLS
        }

    def _deliver(self, prompt: str, now: float) -> Outcome | None:
        try:
            comparison = compare(prompt, budget=0, settings=self._settings)
        except SmileTraceError as error:
            logger.warning("%s was not compared: %s", prompt, error)
            return None
        return deliver(self._tracker, self._store, comparison)


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
