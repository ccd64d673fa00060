"""Spans, the traces they make, and what opens a trace again."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from smile_trace.dialects import assemble, version_of
from smile_trace.dialects import traces as dialect_traces
from smile_trace.dialects.kinds.gen_ai import GenAI
from smile_trace.records import Call, Feedback, Span, Trace
from smile_trace.store import Store
from smile_trace.store.arrivals import Arrivals, ArrivedSpan, CorruptLine, SpoolBatch, SpoolFile
from smile_trace.store.retention import remove_traces
from smile_trace.store.tables import calls, resources, traces
from smile_trace.store.traces import Change, Reread
from tests.support.spooled import call_span, context_span, span_id, trace_id
from tests.support.store_rows import call_id, capture, deliver, explain
from tests.support.store_rows import traces as deliveries


def file(offset: int = 0, *, name: str = "a.jsonl", grown_at: float = 100.0) -> SpoolFile:
    return SpoolFile(name, 1, offset, grown_at)


def arrived(*spans: Span) -> list[ArrivedSpan]:
    return [ArrivedSpan(span, span.model_dump_json()) for span in spans]


def complete(store: Store, *, gone: tuple[str, ...] = (), silent_before: float = 0.0) -> int:
    return store.traces.complete(gone=gone, silent_before=silent_before)


def position(store: Store, number: int) -> int | None:
    with store.database.read() as connection:
        query = select(traces.c.position).where(traces.c.trace_id == trace_id(number))
        return connection.execute(query).scalar_one()


def test_a_resource_is_kept_once_as_long_as_a_span_has_it(store: Store) -> None:
    def kept() -> list[str]:
        with store.database.read() as connection:
            return sorted(connection.execute(select(resources.c.body)).scalars())

    arrivals = Arrivals()
    alike = [context_span(number) for number in (1, 2, 3)]
    other = context_span(4).model_copy(update={"resource": {"service.name": "other"}})
    store.traces.add(file(10), [arrivals.of(span) for span in alike])
    store.traces.add(file(20), [arrivals.of(other), arrivals.of(context_span(1, span=8))])
    assert kept() == ['{"service.name":"other"}', '{"service.name":"test"}']
    assert complete(store) == 1
    first = store.trace(trace_id(1))
    assert [span.resource for span in first.spans] == [{"service.name": "test"}] * 2
    assert first.spans[0].resource is first.spans[1].resource
    for gone, left in ([1, 2], 2), ([4], 1), ([3], 0):
        with store.database.write() as connection:
            remove_traces(connection, [trace_id(number) for number in gone])
        assert len(kept()) == left


def test_a_trace_is_complete_when_its_root_has_arrived(store: Store) -> None:
    inner = call_span(1, parent=span_id(9))
    store.traces.add(file(10), arrived(inner))
    assert complete(store) == 0
    store.traces.add(file(20), arrived(context_span(1)))
    assert complete(store) == 1
    trace = store.trace(trace_id(1))
    assert [span.name for span in trace.spans] == ["answer", "chat planted"]
    assert not trace.root_missing
    assert [call.id for call in trace.calls] == [f"{trace_id(1)}:{span_id(1)}"]


def test_a_batch_is_kept_with_its_offset_and_read_twice_it_changes_nothing(store: Store) -> None:
    store.traces.add(
        file(10), arrived(call_span(1)), corrupt=[CorruptLine(3, "no JSON", b"\xff\x00{")]
    )
    assert store.traces.files() == {"a.jsonl": file(10)}
    assert store.status().corrupt_lines == 1
    complete(store)
    store.traces.add(file(10), arrived(call_span(1)))
    assert position(store, 1) == 1
    assert complete(store) == 0


def test_a_late_span_opens_the_trace_again(store: Store) -> None:
    store.traces.add(file(10), arrived(call_span(1)))
    complete(store)
    store.traces.add(file(20), arrived(context_span(1, span=5, parent=span_id(1))))
    assert position(store, 1) is None
    assert complete(store) == 1
    assert len(store.trace(trace_id(1)).spans) == 2


def test_the_topmost_span_stands_in_when_the_process_is_gone(store: Store) -> None:
    store.traces.add(file(10), arrived(call_span(1, parent=span_id(9))))
    assert complete(store, gone=("b.jsonl",)) == 0
    assert complete(store, gone=("a.jsonl",)) == 1
    trace = store.trace(trace_id(1))
    assert trace.root_missing
    assert trace.root_span_id == span_id(1)
    store.traces.add(file(20), arrived(context_span(1)))  # a late root takes its place back
    assert complete(store) == 1
    assert not store.trace(trace_id(1)).root_missing


def test_the_topmost_span_stands_in_when_nothing_is_added_any_more(store: Store) -> None:
    store.traces.add(file(10, grown_at=100.0), arrived(call_span(1, parent=span_id(9))))
    # Its file grows: a receiver writes what all of its senders send.
    store.traces.add(file(20, grown_at=200.0), arrived(call_span(2, parent=span_id(9))))
    assert complete(store, silent_before=100.0) == 0
    assert complete(store, silent_before=100.1) == 1
    assert store.trace(trace_id(1)).root_missing


def test_feedback_reaches_a_complete_trace_and_opens_it_once(store: Store) -> None:
    early = Feedback(id="e", trace_id=trace_id(2), score=0.0, at_ns=5)
    store.traces.add(file(10), feedbacks=[early])
    assert store.traces.add(file(10), arrived(call_span(1), call_span(2))).completed == 2
    assert store.trace(trace_id(2)).feedback == (early,), "it may come before its trace"
    feedback = Feedback(id="f", trace_id=trace_id(1), score=1.0, at_ns=5)
    store.traces.add(file(20), feedbacks=[feedback])
    assert complete(store) == 1
    assert store.trace(trace_id(1)).feedback == (feedback,)
    store.traces.add(file(20), feedbacks=[feedback])
    assert complete(store) == 0


def test_any_text_comes_back_as_it_was(store: Store) -> None:
    text = "a\x00b ‮ 漢字 " + "🙂" * 1000
    span = call_span(1).model_copy(update={"attributes": {"text": text}, "name": text})
    store.traces.add(file(10), arrived(span))
    assert store.trace(trace_id(1)).spans == (span,)


def test_more_traces_than_one_statement_takes(store: Store) -> None:
    spans = [call_span(number) for number in range(1, 1300)]
    assert store.traces.add(file(10), arrived(*spans)).completed == len(spans)
    assert store.traces.add(file(10), arrived(*spans)).completed == complete(store) == 0


def test_a_trace_that_cannot_be_read_holds_up_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(
        trace_id_: str, spans: Sequence[Span], said: Sequence[Feedback], root: bool
    ) -> Trace:
        if trace_id_ == trace_id(1):
            raise RuntimeError("a dialect stumbled")
        return assemble(trace_id_, spans, said, root)

    with monkeypatch.context() as patched:
        patched.setattr("smile_trace.store.traces.assemble", stumbling)
        store.traces.add(file(10), arrived(call_span(1), call_span(2)))
    assert store.traces.find_calls(trace_id(2)) == [call_span(2).trace_id + ":" + span_id(1)]
    assert store.status().unreadable_traces == 1
    assert complete(store) == 0


def test_the_calls_of_a_trace_are_those_that_were_read_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.traces.add(file(10), arrived(call_span(1)))
    complete(store)
    [read] = store.trace(trace_id(1)).calls
    assert store.traces.call(read.id) == read
    monkeypatch.setattr(GenAI, "recognises", lambda self, span: False)
    assert store.trace(trace_id(1)).calls == (read,)
    with store.database.read() as connection:
        assert connection.execute(select(calls.c.read_by)).scalars().all() == [version_of("gen_ai")]


def test_a_call_that_is_none_any_more_is_left_out_of_its_trace(store: Store) -> None:
    """What was asked for it stays; the call inside it is the trace's."""
    capture(store, 1)
    explain(store, 1)
    outer = call_span(1)
    store.traces.add(file(20), arrived(call_span(1, span=2, parent=outer.span_id)))
    complete(store)
    assert [call.span_id for call in store.trace(trace_id(1)).calls] == [span_id(2)]
    assert store.traces.call(call_id(1)) is not None


def test_only_a_new_trace_with_its_root_is_complete_at_once(store: Store) -> None:
    inner, other = call_span(1, parent=span_id(9)), call_span(2)
    assert store.traces.add(file(10), arrived(inner)).completed == 0
    more = arrived(context_span(1), inner, other, other)
    assert store.traces.add(file(20), more).completed == 1
    assert position(store, 1) is None
    assert position(store, 2) == 1
    assert complete(store) == 1
    assert [len(store.trace(trace_id(n)).calls) for n in (1, 2)] == [1, 1]


def test_what_several_files_say_of_a_trace_is_read_together(store: Store) -> None:
    root, inner = context_span(1), call_span(1, parent=span_id(9))
    again = inner.model_copy(update={"name": "said otherwise"})
    texts = (root, inner), (again,), (call_span(1, span=3, parent=span_id(9)),)
    batches = [
        SpoolBatch(file(10, name=f"{number}.jsonl"), arrived(*found), [], [])
        for number, found in enumerate(texts)
    ]
    assert store.traces.add_many(batches).completed == 1
    trace = store.trace(trace_id(1))
    assert len(trace.calls) == 2
    assert inner in trace.spans
    with store.database.read() as connection:
        assert connection.execute(select(traces.c.file)).scalars().all() == ["2.jsonl"]


def test_traces_are_completed_a_few_at_a_time(store: Store) -> None:
    store.traces.add(file(10), arrived(*(call_span(n, parent=span_id(9)) for n in (1, 2, 3))))
    few: dict[str, Any] = {"gone": ("a.jsonl",), "silent_before": 0.0, "limit": 2}
    assert [store.traces.complete(**few) for _ in range(3)] == [2, 1, 0]
    assert len(deliveries(store)) == 3


class Shouting(GenAI):
    """Another release of a dialect."""

    def read_call(self, span: Span) -> Call:
        call = super().read_call(span)
        return call.model_copy(update={"answer": (call.answer or "").upper()})


def test_calls_are_read_again_on_request(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that read otherwise are told, with what was asked for them; only their traces are
    delivered again."""
    capture(store, 1, 2, 3)
    explain(store, 1)
    deliver(store, *deliveries(store))
    since = call_span(1).start_ns
    assert store.traces.reread(since) == Reread(traces=3)
    assert deliveries(store) == []
    with store.database.write() as connection:
        connection.execute(update(calls).where(calls.c.id == call_id(2)).values(read_by=None))
    monkeypatch.setattr(dialect_traces, "dialect_of", lambda span: Shouting())
    changed = {"kind": "changed", "fields": ("answer",)}
    changes = (
        Change(call_id=call_id(1), read_by=version_of("gen_ai"), explained=True, **changed),
        Change(call_id=call_id(2), **changed),
    )
    done = store.traces.reread(since, dry_run=True)
    assert done.changes[:2] == changes
    assert deliveries(store) == []
    assert store.traces.reread(call_span(3).start_ns).changes == done.changes[2:]
    assert [delivery.item for delivery in deliveries(store)] == [trace_id(3)]
    assert store.traces.reread(since).changes == changes
    assert [call.answer for call in store.trace(trace_id(1)).calls] == ["SOMETHING NICE"]
    assert len(deliveries(store)) == 3
