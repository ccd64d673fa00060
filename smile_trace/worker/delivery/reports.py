"""Keeps a page per prompt on a tracker up to date: what mattered this week."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from smile_trace.comparison import NothingToReport, report
from smile_trace.records.report import Report
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.queries.explained import Lately, read_addresses, read_lately
from smile_trace.trackers import Receipt, Tracker, TrackerUnavailable

logger = logging.getLogger(__name__)

PERIOD = timedelta(days=7)
MIN_EXPLAINED = 5
"""With fewer explanations that say something, shares of calls say nothing about a prompt."""


class Reports:
    """Reports each prompt's last seven days anew when its explained calls have changed, and once a
    day, and delivers the report in place of the one before. Nothing is asked of any model.

    A prompt takes part once it has MIN_EXPLAINED explained calls; where it then has fewer, the page
    says so in place of figures of another week.
    """

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
        self._next = clock() + settings.worker.report_seconds
        self._delivered: dict[str, tuple[Lately, str]] = {}

    def deliver_anew(self) -> None:
        """Deliver every report again: all may have been deleted with a forgotten trace."""
        self._delivered.clear()

    def run(self, *, at_once: bool = False) -> int:
        """Deliver what has changed, if it is time; returns how many reports arrived.

        Raises:
            TrackerUnavailable: nothing more was taken; it is tried again the next time.
        """
        now = self._clock()
        due = at_once or now >= self._next
        if not due or not self._tracker.capabilities.reports:
            return 0
        self._next = now + self._settings.worker.report_seconds
        length = PERIOD.total_seconds()
        found = read_lately(self._store.database, before=now - 2 * length, since=now - length)
        arrived = 0
        for prompt, lately in found.items():
            state = lately, datetime.fromtimestamp(now, UTC).date().isoformat()
            enough = max(lately.now, lately.before) >= MIN_EXPLAINED
            if not enough or self._delivered.get(prompt) == state:
                continue
            try:
                made = _report(prompt, datetime.fromtimestamp(now, UTC), self._settings)
                outcome = self._tracker.deliver_report(with_links(made, self._tracker, self._store))
            except TrackerUnavailable:
                self._next = now  # as soon as it takes anything again
                raise
            except StoreError:
                raise
            except Exception as error:  # the other prompts' arrive all the same
                logger.warning("%s: the report was not delivered", prompt, exc_info=error)
                continue
            if isinstance(outcome, Receipt):
                self._delivered[prompt] = state
                arrived += 1
            else:
                logger.warning("%s: the report waits: %s", prompt, outcome.reason)
        return arrived


def with_links(found: Report, tracker: Tracker, store: Store) -> Report:
    """The report with the addresses of its examples on a tracker."""
    examples = {one for group in found.groups for part in group.parts for one in part.examples}
    links = read_addresses(store.database, tracker.name, sorted(examples))
    return found.model_copy(update={"links": links})


def _report(prompt: str, until: datetime, settings: Settings) -> Report:
    """The report of a prompt's week, or that there is too little to say anything."""
    since = until - PERIOD
    try:
        found = report(prompt, since=since, until=until, settings=settings)
    except NothingToReport:
        days = {"since": since.isoformat(), "until": until.isoformat()}
        found = Report(name=prompt, **days)
    said = found.explained - found.inconclusive
    if said < MIN_EXPLAINED:
        summary = (
            f"Too little to say what mattered: of this period {said:,} explanation"
            f"{' says' if said == 1 else 's say'} something, and {MIN_EXPLAINED} are needed."
        )
        found = found.model_copy(update={"groups": (), "no_document": None, "summary": summary})
    return found.model_copy(update={"rolling": True})
