"""Pages that a tracker gets once per prompt, and again after a change: the comparison of its
versions, and the report of its week."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ClassVar, Generic, TypeVar

from smile_trace.errors import SmileTraceError
from smile_trace.records.comparison import Comparison
from smile_trace.records.report import Report
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.queries.calls import Lately, read_addresses, read_lately
from smile_trace.store.queries.prompts import ExplainedVersion
from smile_trace.trackers import ComparedPrompt, Outcome, Receipt, Tracker, TrackerUnavailable

logger = logging.getLogger(__name__)

State = TypeVar("State")


FIRST_LOOK = 60.0
"""Seconds after a worker's start; the next looks are at twice the time each, up to the setting."""


class PerPrompt(ABC, Generic[State]):
    """Makes something of each prompt anew when its state has changed, and delivers it in place of
    the last one. Asks no model, but reads the store alone."""

    what: ClassVar[str]
    """The product's name in messages."""
    capability: ClassVar[str]
    """That of a tracker which shows it."""
    setting: ClassVar[str]
    """The most seconds between two looks at the store, a setting of `[worker]`."""

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracker = tracker
        self._store = store
        self._settings = settings
        self._clock = clock
        self._seconds: float = getattr(settings.worker, self.setting)
        self._shown: bool = getattr(tracker.capabilities, self.capability)
        self._wait = min(FIRST_LOOK, self._seconds)
        self._next = clock() + self._wait
        self._delivered: dict[str, State] = {}

    @abstractmethod
    def _states(self, now: float) -> Mapping[str, State]:
        """The state of each prompt that takes part; a change makes the product anew."""

    @abstractmethod
    def _deliver(self, prompt: str, state: State, now: float) -> Outcome | None:
        """Make and deliver the product; None if there is none, for a logged reason. Raises
        TrackerUnavailable if nothing was taken."""

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
        # Whoever has just started a worker waits for the first one.
        self._wait = min(2 * self._wait, self._seconds)
        self._next = now + self._wait
        arrived = 0
        for prompt, state in self._states(now).items():
            if self._delivered.get(prompt) == state:
                continue
            try:
                outcome = self._deliver(prompt, state, now)
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


MAX_TRACES = 100
"""Maximum traces of a version that a tracker is told."""


LATELY = 24 * 3600.0
"""Seconds: of what was explained before, a worker that has just started takes as delivered what the
one before it has had so much time for."""


class Comparisons(PerPrompt[dict[str, ExplainedVersion]]):
    """Compares each prompt anew when its explained calls have changed, once it has two versions,
    one of them with MIN_CALLS explained calls: the last two versions, and before them each with new
    explanations beside its neighbours."""

    what = "comparison"
    capability = "comparisons"
    setting = "comparison_seconds"

    def _states(self, now: float) -> dict[str, dict[str, ExplainedVersion]]:
        with self._store.reading_prompts() as prompts:
            counted = prompts.explained_versions()
        if not counted:
            return {}
        from smile_trace.comparison.verdicts import MIN_CALLS  # loads all that compares

        return {
            prompt: explained
            for prompt, explained in counted.items()
            if len(explained) > 1 and max(one.calls for one in explained.values()) >= MIN_CALLS
        }

    def _deliver(
        self, prompt: str, state: dict[str, ExplainedVersion], now: float
    ) -> Outcome | None:
        from smile_trace.comparison import compare

        outcome: Outcome | None = None
        for versions in self._changed(state, self._delivered.get(prompt)):
            try:
                comparison = compare(prompt, versions=versions, budget=0, settings=self._settings)
            except SmileTraceError as error:
                logger.warning("%s was not compared: %s", prompt, error)
                return None
            outcome = deliver(self._tracker, self._store, comparison)
            if not isinstance(outcome, Receipt):
                break
        return outcome

    def _changed(
        self, state: dict[str, ExplainedVersion], before: dict[str, ExplainedVersion] | None
    ) -> list[tuple[str, str]]:
        """The neighbouring versions, oldest first, one of which has explanations that the tracker
        was not given, and the last two."""
        if before is None:
            since = time.time() - LATELY
            new = {version for version, one in state.items() if one.newest >= since}
        else:
            new = {version for version, one in state.items() if before.get(version) != one}
        neighbours = list(pairwise(state))
        return [pair for pair in neighbours if new & {*pair} or pair == neighbours[-1]]


def deliver(tracker: Tracker, store: Store, comparison: Comparison) -> Outcome:
    """Give a comparison to a tracker, with its ids of each version's traces.

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


PERIOD = timedelta(days=7)
MIN_EXPLAINED = 5
"""Minimum conclusive explanations: shares of fewer calls say nothing about a prompt."""


class Reports(PerPrompt[tuple[Lately, str]]):
    """Reports each prompt's last seven days anew when its explained calls have changed, and once a
    day.

    A prompt takes part once it has MIN_EXPLAINED explained calls. If it later has fewer, the page
    says so in place of figures of another week.
    """

    what = "report"
    capability = "reports"
    setting = "report_seconds"

    def _states(self, now: float) -> dict[str, tuple[Lately, str]]:
        length, today = PERIOD.total_seconds(), _moment(now).date().isoformat()
        found = read_lately(self._store.database, before=now - 2 * length, since=now - length)
        return {
            prompt: (lately, today)
            for prompt, lately in found.items()
            if max(lately.now, lately.before) >= MIN_EXPLAINED
        }

    def _deliver(self, prompt: str, state: tuple[Lately, str], now: float) -> Outcome:
        made = _report(self._store, prompt, _moment(now))
        return self._tracker.deliver_report(with_links(made, self._tracker, self._store))


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def with_links(found: Report, tracker: Tracker, store: Store) -> Report:
    """The report with the addresses of its examples on a tracker."""
    examples = {one for group in found.groups for part in group.parts for one in part.examples}
    links = read_addresses(store.database, tracker.name, sorted(examples))
    return found.model_copy(update={"links": links})


def _report(store: Store, prompt: str, until: datetime) -> Report:
    """The report of a prompt's week, or that there is too little to say anything."""
    from smile_trace.comparison import NothingToCompare
    from smile_trace.comparison.report import what_mattered

    since = until - PERIOD
    try:
        found = what_mattered(store, prompt, since=since.timestamp(), until=until.timestamp())
    except NothingToCompare:
        days = {"since": since.isoformat(), "until": until.isoformat()}
        found = Report(name=prompt, **days)
    said = found.explained - found.inconclusive
    if said < MIN_EXPLAINED:
        summary = (
            f"Too little to say what mattered: in this period {said:,} explanation"
            f"{' has' if said == 1 else 's have'} a result, and {MIN_EXPLAINED} are needed."
        )
        nothing = {"groups": (), "no_document": None, "citations": None}
        found = found.model_copy(update={**nothing, "summary": summary})
    return found.model_copy(update={"rolling": True})
