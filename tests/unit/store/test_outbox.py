"""Each tracker gets everything, in order, and whatever changes gets there again."""

from collections.abc import Callable

from smile_trace.errors import Reason, ReasonCode
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, SpoolFile
from smile_trace.store.outbox import TrackerState
from smile_trace.store.outbox_news import Queued, Wanted
from tests.support.spooled import START, context_span, span_id, trace_id
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explain,
    explanations,
    traces,
)
from tests.support.stores import on_sqlite

NOT_SAMPLED = {"reason": "not sampled", "reason_code": ReasonCode.NOT_SAMPLED}
TOLD = Wanted(unexplained=True)


def test_an_explanation_waits_for_its_trace(store: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    assert explanations(store) == []
    deliver(store, *traces(store))
    [due] = explanations(store)
    assert (due.item, due.traced_as) == (call_id(1), f"there-{trace_id(1)}")
    deliver(store, due)
    assert traces(store) == []
    assert explanations(store) == []
    [counted] = store.status().trackers
    assert (counted.traces, counted.explanations, counted.waiting) == (1, 1, 0)


@on_sqlite  # whose steps can be counted
def test_what_is_delivered_is_not_read_again_for_what_is_new(store: Store) -> None:
    steps = list[int]()
    for numbers in (range(1, 11), range(11, 311)):
        capture(store, *numbers)
        while due := traces(store):
            deliver(store, *due)
        explain(store, numbers[0])
        store.sampling.decide([decision(numbers[1], "skipped", **NOT_SAMPLED)], {}, now=9.0)
        steps.append(steps_of(store, lambda: store.outbox.fill("t", now=10.0, wanted=TOLD)))
    assert steps[1] < 1.5 * steps[0], "it grows with what is delivered"


def steps_of(store: Store, do: Callable[[], object]) -> int:
    """How many dozens of instructions SQLite takes for it."""
    with store.database.write() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        taken = list[None]()
        raw.set_progress_handler(lambda: taken.append(None), 12)
    do()
    raw.set_progress_handler(None, 0)
    return len(taken)


def test_each_tracker_has_its_own_box(store: Store) -> None:
    assert store.outbox.add(["one", "other"]) == []
    capture(store, 1)
    deliver(store, *traces(store, "one"))
    capture(store, 2)
    assert [d.item for d in traces(store, "one")] == [trace_id(2)]
    assert [d.item for d in traces(store, "other")] == [trace_id(1), trace_id(2)]


def test_the_first_trackers_get_what_is_there_and_later_ones_what_comes(store: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    assert store.outbox.add(["one", "other"]) == []
    assert store.outbox.add(["one", "late"]) == ["late"]
    assert store.outbox.add(["one", "late"]) == []
    capture(store, 2)
    every = [trace_id(1), trace_id(2)]
    for name, expected in (("one", every), ("other", every), ("late", every[1:])):
        assert [d.item for d in traces(store, name)] == expected
        deliver(store, *traces(store, name))
    assert [d.item for d in explanations(store, "other")] == [call_id(1)]
    assert explanations(store, "late") == []


def test_what_changes_in_an_older_trace_arrives_with_the_trace(store: Store) -> None:
    capture(store, 1, 2)
    deliver(store, *traces(store, "early"))
    store.outbox.add(["late"])
    explain(store, 1)
    assert [d.item for d in traces(store, "late")] == [trace_id(1)]
    deliver(store, *traces(store, "late"))
    assert [d.item for d in explanations(store, "late")] == [call_id(1)]
    late_span(store, 2)
    assert [d.item for d in traces(store, "late")] == [trace_id(2)]


def test_a_late_tracker_is_not_told_of_old_calls_that_are_not_explained(store: Store) -> None:
    capture(store, 1, 2)
    store.sampling.decide([decision(n, "skipped", **NOT_SAMPLED) for n in (1, 2)], {}, now=9.0)
    store.outbox.fill("early", now=10.0, wanted=TOLD)
    store.outbox.fill("late", now=10.0, wanted=TOLD)
    waiting = {one.name: one.waiting for one in store.status().trackers}
    assert waiting == {"early": 4, "late": 0}


def test_a_tracker_that_was_away_goes_on_where_it_was(store: Store) -> None:
    store.outbox.add(["t", "other"])
    capture(store, 1)
    deliver(store, *traces(store))
    capture(store, 2)  # meanwhile the settings name the other one alone
    assert store.outbox.add(["other"]) == []
    deliver(store, *traces(store, "other"))
    assert store.outbox.add(["t", "other"]) == []
    assert [d.item for d in traces(store)] == [trace_id(2)]


def test_a_period_is_queued_for_a_late_tracker_and_nothing_twice(store: Store) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    deliver(store, *traces(store, "early"))
    capture(store, 3)  # the worker has not looked since
    dry = store.outbox.fill_since("late", 0, now=10.0, dry_run=True)
    assert dry == Queued(traces=3, explanations=1)
    assert store.outbox.names() == ["early"]
    assert store.outbox.fill_since("late", START, now=10.0) == dry
    assert store.outbox.fill_since("late", START, now=10.0) == Queued(known_traces=3)
    deliver(store, *traces(store, "late"))
    deliver(store, *explanations(store, "late"))
    assert store.outbox.fill_since("late", 0, now=11.0) == Queued(known_traces=3)
    assert traces(store, "late") == explanations(store, "late") == []
    assert store.outbox.fill_since("early", 0, now=11.0) == Queued(known_traces=3)
    assert [d.item for d in traces(store, "early")] == [trace_id(3)]


def test_which_trackers_have_a_trace(store: Store) -> None:
    store.outbox.add(["one", "other"])
    capture(store, 1)
    assert store.outbox.delivered_to(trace_id(1)) == {}
    deliver(store, *traces(store, "one"))
    assert list(store.outbox.delivered_to(trace_id(1))) == ["one"]
    deliver(store, *traces(store, "other"))
    assert set(store.outbox.delivered_to(trace_id(1))) == {"one", "other"}


def test_a_period_ends_where_it_was_said(store: Store) -> None:
    capture(store, 1)
    store.outbox.add(["early"])
    beginning = max(span.start_ns for span in store.trace(trace_id(1)).spans)
    assert store.outbox.fill_since("late", beginning + 1, now=10.0) == Queued()
    assert store.outbox.fill_since("late", beginning, now=10.0) == Queued(traces=1)


def test_a_postponed_delivery_waits(store: Store) -> None:
    capture(store, 1)
    [due] = traces(store)
    with store.outbox.settling() as settling:
        settling.postpone(due, Reason(ReasonCode.DEFERRED, "not now"), until=50.0, counted=True)
    assert store.outbox.next_due("t") == 50.0
    assert traces(store, now=49.0) == []
    [again] = traces(store, now=50.0)
    assert again.attempts == 1
    [counted] = store.status().trackers
    assert [(r.reason, r.count) for r in counted.waiting_for] == [("not now", 1)]


def test_a_refused_trace_takes_its_explanations_along(store: Store) -> None:
    capture(store, 1, 2)
    explain(store, 1)
    first, second = traces(store)
    with store.outbox.settling() as settling:
        settling.refused(first, Reason(ReasonCode.REJECTED, "too big"))
    deliver(store, second)
    assert explanations(store) == []
    assert store.outbox.next_due("t") is None
    [counted] = store.status().trackers
    assert {(r.reason, r.count) for r in counted.refused} == {
        ("too big", 1),
        ("its trace was refused", 1),
    }


def test_the_state_of_a_tracker_is_kept(store: Store) -> None:
    capture(store, 1)
    assert store.outbox.state("t") == TrackerState(name="t")
    assert store.outbox.next_due("t") is None
    traces(store)
    down = TrackerState(name="t", failures=3, reason="gone", since=1.0, not_before=99.0)
    store.outbox.note_state(down)
    assert store.outbox.state("t") == down
    assert store.outbox.next_due("t") == 99.0
    assert traces(store) != []  # the cursor stayed
    assert store.status().trackers[0].unavailable == "gone"


def test_a_tracker_that_wants_no_traces_any_more_gets_explanations_alone(store: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    store.outbox.fill("t", now=10.0)
    store.outbox.fill("t", now=10.0, wanted=Wanted(traces=False))
    assert store.outbox.due("t", {"trace": 100}, now=10.0) == {"trace": []}
    due_now = store.outbox.due("t", {"explanation": 100}, now=10.0, alone=True)
    [due] = due_now["explanation"]
    assert (due.item, due.traced_as) == (call_id(1), None)


def test_a_skipped_delivery_is_settled(store: Store) -> None:
    capture(store, 1)
    [due] = traces(store)
    with store.outbox.settling() as settling:
        settling.skipped(due, Reason(ReasonCode.NOTHING_TO_SHOW, "nothing to show"))
    assert traces(store) == []
    [counted] = store.status().trackers
    assert (counted.traces, counted.waiting, counted.refused) == (0, 0, ())


def late_span(store: Store, number: int) -> None:
    """A span of a trace that was complete arrives."""
    late = context_span(number, span=4, parent=span_id(1))
    store.traces.add(SpoolFile("a", 1, 2, 2.0), [ArrivedSpan(late, late.model_dump_json())])
    store.traces.complete(gone=(), silent_before=0.0)


def test_a_late_span_and_a_newer_explanation_are_delivered_too(store: Store) -> None:
    capture(store, 1)
    explain(store, 1)
    deliver(store, *traces(store))
    deliver(store, *explanations(store))
    late_span(store, 1)
    assert [d.item for d in traces(store)] == [trace_id(1)]
    deliver(store, *traces(store))
    explain(store, 1)
    assert [d.item for d in explanations(store)] == [call_id(1)]
