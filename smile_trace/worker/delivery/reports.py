"""Keeps a page per prompt on a tracker up to date: what mattered this week."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from smile_trace.comparison import NothingToCompare
from smile_trace.comparison.mattered import what_mattered
from smile_trace.records.report import Report
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.calls import Lately, read_addresses, read_lately
from smile_trace.trackers import Outcome, Tracker
from smile_trace.worker.delivery.per_prompt import PerPrompt

PERIOD = timedelta(days=7)
MIN_EXPLAINED = 5
"""With fewer explanations that say something, shares of calls say nothing about a prompt."""


class Reports(PerPrompt[tuple[Lately, str]]):
    """Reports each prompt's last seven days anew when its explained calls have changed, and once a
    day.

    A prompt takes part once it has MIN_EXPLAINED explained calls; where it then has fewer, the page
    says so in place of figures of another week.
    """

    what = "report"

    def __init__(
        self,
        tracker: Tracker,
        store: Store,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(tracker, store, settings, clock)

    @property
    def _seconds(self) -> float:
        return self._settings.worker.report_seconds

    @property
    def _shown(self) -> bool:
        return self._tracker.capabilities.reports

    def _states(self, now: float) -> dict[str, tuple[Lately, str]]:
        length, today = PERIOD.total_seconds(), _moment(now).date().isoformat()
        found = read_lately(self._store.database, before=now - 2 * length, since=now - length)
        return {
            prompt: (lately, today)
            for prompt, lately in found.items()
            if max(lately.now, lately.before) >= MIN_EXPLAINED
        }

    def _deliver(self, prompt: str, now: float) -> Outcome:
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
    since = until - PERIOD
    try:
        found = what_mattered(store, prompt, since=since.timestamp(), until=until.timestamp())
    except NothingToCompare:
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
