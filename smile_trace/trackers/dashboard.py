"""A base for trackers that show presentations: a backend implements a few verbs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import ClassVar, NamedTuple

from smile_trace.errors import ReasonCode
from smile_trace.records import ForgottenTrace, Trace
from smile_trace.records.judgement import Judgement, ReviewTask
from smile_trace.trackers.batches import (
    Result,
    attempt,
    deliver_batch,
    deliver_each,
    each,
    outcomes,
    split,
)
from smile_trace.trackers.late_span import Parent
from smile_trace.trackers.presentation import Item, Presentation, View, present
from smile_trace.trackers.protocol import (
    CapturedTrace,
    ExplainedCall,
    ExplainedPath,
    Outcome,
    ProfiledCall,
    Receipt,
    Rejected,
    Tracker,
    UnexplainedCall,
)
from smile_trace.trackers.reviews import ReviewQueues


class _Request(NamedTuple):
    """Traces that are written together, by their numbers in a batch; `write` does it."""

    numbers: Sequence[int]
    traces: Sequence[Trace]
    write: Callable[[], None]


class Dashboard(Tracker):
    """A base for trackers. A subclass has a name, capabilities, `from_settings`, and:

    - `put_spans` or `prepare_spans`: write traces with their users' feedback;
    - `put_scores`: write scores of a span or a trace, replacing those of the same names;
    - `put_view`: attach a view to a span of its own;
    - `forget_trace`: delete a trace with all of this, if `capabilities.forgets`.

    Each may be called again for what is there already. They raise `RequestRejected` if the backend
    rejects this request, and `TrackerUnavailable` if it takes nothing. Scores are written before
    views.
    """

    request_size: ClassVar[int] = 400
    """Most that one request with traces holds, as `size_of` measures them."""
    concurrency: int = 1
    """Number of requests with traces, explanations, paths and profiles sent at once."""
    review_queues: ReviewQueues
    """Set if `capabilities.reviews` is declared."""

    # -- what a subclass says ----------------------------------------------------------------

    def put_spans(self, traces: Sequence[Trace]) -> None:
        """Write traces and their `feedback_scores`."""
        raise self.lacks("put_spans")

    def prepare_spans(self, traces: Sequence[Trace]) -> Callable[[], None]:
        """Encode traces, asking no server, and return what writes them: it is called while other
        traces are under way. By default that is `put_spans`; implement one of the two."""
        return partial(self.put_spans, traces)

    def put_scores(self, place: Parent, shown: Presentation) -> Outcome | None:
        """Write the scores at the span `place`; if `shown.is_of_trace`, also at its trace, if the
        backend lists traces by them; and document scores at the spans that retrieved the documents.
        By default nothing is written. Return None when written, else why nothing can be."""
        return None

    def put_view(self, place: Parent, shown: Presentation, view: View) -> Outcome:
        """Show a view and its files under `place`; `late_span` makes the span."""
        raise self.lacks("put_view")

    def forget_trace(self, item: ForgottenTrace) -> Outcome:
        """Delete one trace; see `Tracker.forget`. Its variants in `review_queues` are deleted."""
        raise self.lacks("forget_trace")

    def forgetting(self) -> Callable[[ForgottenTrace], Outcome]:
        """Return a function that deletes traces one by one; override it to share look-ups."""
        return self.forget_trace

    def trace_id(self, trace: Trace) -> str:
        """Return the backend's id of a trace that was written; by default the same."""
        return trace.trace_id

    def trace_url(self, trace_id: str) -> str | None:
        """Return the page of a trace, by its id in the backend; None if there is none."""
        return None

    def size_of(self, trace: Trace) -> int:
        """Return a trace's share of `request_size`; by default its number of spans."""
        return len(trace.spans)

    def may_have(self, trace: Trace) -> bool:
        """Whether the backend may have a trace that we did not write: `find_trace` is asked for it
        first. By default each is asked for, and none encoded beforehand."""
        return True

    def find_trace(self, item: CapturedTrace) -> Outcome | None:
        """Return the outcome of a trace that is not written because the backend has it already (the
        application's own, or read from there); None to write it."""
        return None

    def find_place(self, shown: Presentation) -> Parent | Outcome:
        """Return the span that a presentation goes under, or why there is none; by default that of
        its call, or the root, in the trace that we wrote."""
        return own_place(shown)

    def settle(self, results: Sequence[Result]) -> list[Outcome]:
        """Return outcomes; by default raise `TrackerUnavailable` if everything failed with 5xx."""
        return outcomes(results)

    # -- what a tracker does -----------------------------------------------------------------

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """See `Tracker.deliver_traces`."""
        return self.prepare_traces(items)()

    def prepare_traces(self, items: Sequence[CapturedTrace]) -> Callable[[], list[Outcome]]:
        """See `Tracker.prepare_traces`: traces that the backend cannot have are encoded."""
        new = [n for n, item in enumerate(items) if not self.may_have(item.trace)]
        return partial(self._deliver, items, list(self._requests(items, new)))

    def _requests(
        self, items: Sequence[CapturedTrace], numbers: Sequence[int]
    ) -> Iterator["_Request"]:
        for some in split(numbers, lambda n: self.size_of(items[n].trace), self.request_size):
            traces = [items[number].trace for number in some]
            yield _Request(some, traces, self.prepare_spans(traces))

    def _deliver(
        self, items: Sequence[CapturedTrace], ready: Sequence["_Request"]
    ) -> list[Outcome]:
        settled: dict[int, Result] = {}
        asked = set(range(len(items))).difference(*(request.numbers for request in ready))
        for number in sorted(asked):
            found = attempt(partial(self.find_trace, items[number]))
            if found is not None:
                settled[number] = found
        requests = [*ready, *self._requests(items, sorted(asked - settled.keys()))]
        for request, results in zip(
            requests, each(requests, self._send, concurrency=self.concurrency), strict=True
        ):
            settled |= dict(zip(request.numbers, results, strict=True))
        return self.settle([settled[number] for number in range(len(items))])

    def _send(self, request: "_Request") -> list[Result]:
        rejected = deliver_batch(request.traces, self.prepare_spans, request.write)
        return [
            why or self.receipt(self.trace_id(trace))
            for trace, why in zip(request.traces, rejected, strict=True)
        ]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`."""
        return self._show(items)

    def deliver_paths(self, items: Sequence[ExplainedPath]) -> list[Outcome]:
        """See `Tracker.deliver_paths`."""
        return self._show(items, self.capabilities.paths, "paths")

    def deliver_profiles(self, items: Sequence[ProfiledCall]) -> list[Outcome]:
        """See `Tracker.deliver_profiles`."""
        return self._show(items, self.capabilities.profiles, "profiles")

    def deliver_unexplained(self, items: Sequence[UnexplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_unexplained`."""
        return self._show(items, self.capabilities.unexplained, "place for reasons")

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`."""
        if not self.capabilities.forgets:
            raise self.lacks("way to delete")
        forget = self.forgetting()
        forget_variants = self.review_queues.forgetting() if self.capabilities.reviews else None

        def forget_all(item: ForgottenTrace) -> Outcome:
            if forget_variants is not None:
                forget_variants(item.trace_id)
            return forget(item)

        return self.settle(deliver_each(items, forget_all))

    def send_for_review(self, queue: str, tasks: Sequence[ReviewTask]) -> None:
        """See `Tracker.send_for_review`; each variant is a trace of its own."""
        if not self.capabilities.reviews:
            raise self.lacks("review queues")
        self.review_queues.send(queue, tasks)

    def read_reviews(self, queue: str) -> list[Judgement]:
        """See `Tracker.read_reviews`."""
        if not self.capabilities.reviews:
            raise self.lacks("review queues")
        return self.review_queues.read(queue)

    def receipt(self, trace_id: str) -> Receipt:
        """Return the receipt for something in a trace, by its id in the backend."""
        return Receipt(external_id=trace_id, url=self.trace_url(trace_id))

    def _show(self, items: Sequence[Item], able: bool = True, what: str = "") -> list[Outcome]:
        """Show items, those of a trace one after the other: the last one has its scores."""
        if not able:
            raise self.lacks(what)
        of_trace: dict[str, list[int]] = {}
        for number, item in enumerate(items):
            of_trace.setdefault(item.trace.trace_id, []).append(number)
        shown = each(
            list(of_trace.values()),
            lambda numbers: deliver_each([items[number] for number in numbers], self.show),
            concurrency=self.concurrency,
        )
        results = dict(zip(chain(*of_trace.values()), chain(*shown), strict=True))
        return self.settle([results[number] for number in range(len(items))])

    def show(self, item: Item) -> Outcome:
        """Show one item: its scores, then its view."""
        shown = present(item)
        place = self.find_place(shown)
        if not isinstance(place, Parent):
            return place
        if (why_not := self.put_scores(place, shown)) is not None:
            return why_not
        if shown.view is None:
            return self.receipt(item.traced_as)
        return self.put_view(place, shown, shown.view)


def own_place(shown: Presentation) -> Parent:
    """Return the span of a presentation's call, or the root, in a trace that we wrote."""
    trace, call = shown.item.trace, shown.call
    span = trace.span(trace.root_span_id) if call is None else call
    return Parent(shown.item.traced_as, span.span_id, span.start_ns, span.end_ns)


def gone(service: str, trace_id: str, *, retry: bool = False) -> Rejected:
    """Return the outcome of an item whose trace was deleted in the backend."""
    reason = f"the trace {trace_id} is gone from {service}: it was deleted there"
    return Rejected(reason=reason, code=ReasonCode.NOT_FOUND, retry=retry)


def not_ours(trace_ids: Sequence[str], what: str) -> Rejected:
    """Return the outcome of forgetting the application's own traces; `what` says what to do."""
    reason = f"the application itself wrote {', '.join(trace_ids)}: {what}"
    return Rejected(reason=reason, code=ReasonCode.REJECTED, retry=False)
