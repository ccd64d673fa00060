"""Pull: a backend is read over its API into the store, sampled traces whole, the rest counted.

A place (an experiment, a project) is read for good once `LATE_SECONDS` have passed since a trace
began, so that its late spans are there; then its calls are counted, and the progress is noted.
Later traces are looked at before that, too, so that they are explained soon.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smile_trace import semconv
from smile_trace._guards.presentable import presentable
from smile_trace._text.log_context import about
from smile_trace.dialects import assemble
from smile_trace.records import Span, Trace
from smile_trace.settings import Settings
from smile_trace.sources.protocol import Page, Source, SourceUnavailable
from smile_trace.store import Store
from smile_trace.store.arrivals import LATE_SECONDS, Arrivals, Pulled, SpoolBatch, SpoolFile
from smile_trace.store.tables import Group
from smile_trace.worker.redaction import Redaction
from smile_trace.worker.sample import arranged, decide, is_drawn
from smile_trace.worker.telemetry import traced

logger = logging.getLogger(__name__)

OVERLAP_SECONDS = 60.0
"""How far back recent traces are looked at again: a trace arrives when it has ended."""
PAGE, PAUSE_SECONDS = 100, 0.5
"""Traces in one request, and how long a source is left alone after it."""


@dataclass
class Pull:
    """Reads one source. Not thread-safe: one per source, in one thread."""

    source: Source
    store: Store
    settings: Settings
    clock: Callable[[], float] = time.time
    pause: Callable[[float], object] = time.sleep

    def __post_init__(self) -> None:
        self._chosen: dict[Group, int] = {}
        self._looked: dict[str, int] = {}

    def run(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Read what is new in every place; one that cannot be read does not hold up the others."""
        for place in self.source.places:
            state = self.store.pulled.get(self.source.name, place)
            try:
                state = self._read_for_good(state, stopping)
                self._look(state, stopping)
            except SourceUnavailable as error:
                self._note_reason(place, error)

    def _read_for_good(self, state: Pulled, stopping: Callable[[], bool]) -> Pulled:
        end = self._now_ms() - int(LATE_SECONDS * 1000)
        while state.until_ms < end and not stopping():
            with traced("pull"):
                page = self._page(state.place, state.until_ms, end)
                traces, kept = self._keep(page)
            state = state.model_copy(
                update={
                    "until_ms": page.until_ms,
                    "traces": state.traces + len(traces),
                    "calls": state.calls + sum(len(trace.calls) for trace in traces),
                    "kept": state.kept + sum(len(trace.calls) for trace in kept),
                    "reason": None,
                    "reason_code": None,
                }
            )
            self.store.pulled.note(state)
            if page.until_ms < end:
                self.pause(PAUSE_SECONDS)
        return state

    def _look(self, state: Pulled, stopping: Callable[[], bool]) -> None:
        """Store the sampled ones of the traces that may still grow; they are read again."""
        now = self._now_ms()
        since = max(state.until_ms, self._looked.get(state.place, 0))
        while since <= now and not stopping():
            with traced("pull"):
                page = self._page(state.place, since, now + 1)
                self._keep(page)
            since = page.until_ms
            self._looked[state.place] = min(since, now - int(OVERLAP_SECONDS * 1000))
            if since <= now:
                self.pause(PAUSE_SECONDS)

    def _page(self, place: str, since_ms: int, until_ms: int) -> Page:
        """A page that makes progress; raises SourceUnavailable if it would be requested again and
        again."""
        page = self.source.page(place, since_ms, until_ms, PAGE)
        if not since_ms < page.until_ms <= until_ms:
            raise SourceUnavailable(
                f"reading stops: {place!r} lists traces from outside the requested time"
            )
        return page

    def _keep(self, page: Page) -> tuple[list[Trace], list[Trace]]:
        """The traces of a page that others made, and those of them that are in the store."""
        traces = [trace for spans in page.traces if (trace := _trace(spans)) is not None]
        known = self.store.traces.known([trace.trace_id for trace in traces])
        wanted = self._sampled([trace for trace in traces if trace.trace_id not in known])
        kept = [trace for trace in traces if trace.trace_id in known | wanted]
        file = SpoolFile(self.source.name, 0, 0, self.clock())
        arrivals = Arrivals()
        arrived = [arrivals.of(span) for trace in kept for span in trace.spans]
        if arrived:
            self.store.traces.add_many([SpoolBatch(file, arrived, [], [])])
        return traces, kept

    def _sampled(self, traces: Sequence[Trace]) -> set[str]:
        """The traces with a call that is to be explained, as sampling will find, or that is drawn:
        the settings may map its model by tomorrow."""
        calls = [(Group.of(call), call) for trace in traces for call in trace.calls]
        batch, steps = arranged(calls, traces)
        groups = {group for group, _ in batch}
        stored = self.store.sampling.chosen(groups)
        # What was kept a moment ago is not in the store's count yet.
        chosen = {one: max(stored.get(one, 0), self._chosen.get(one, 0)) for one in groups}
        differs = self.store.sampling.argument_differs(set(chosen))
        decisions = decide(batch, chosen, self.settings, differs, steps)
        self._chosen |= chosen
        return {
            call.trace_id
            for (_, call), decision in zip(batch, decisions, strict=True)
            if decision.state == "pending" or is_drawn(call, self.settings)
        }

    def _note_reason(self, place: str, error: SourceUnavailable) -> None:
        said = presentable(error)
        state = self.store.pulled.get(self.source.name, place)
        if said != state.reason:
            logger.warning("%s is not read: %s", self.source.name, said)
            update = {"reason": said, "reason_code": error.code}
            self.store.pulled.note(state.model_copy(update=update))

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)


def _trace(spans: Sequence[Span]) -> Trace | None:
    """The trace; None if smile-trace captured and delivered it, or nobody can read it."""
    if any(semconv.KIND in span.attributes for span in spans):
        return None
    try:
        return assemble(spans[0].trace_id, list(map(Redaction().without_secrets, spans)))
    except Exception:
        with about(trace_id=spans[0].trace_id):
            logger.warning("a trace of %s cannot be read", spans[0].trace_id, exc_info=True)
        return None
