"""What was forgotten is removed from every table, and nothing of it comes back."""

from typing import Any

from sqlalchemy import insert, select

from smile_trace.records import Feedback, Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.arrivals import ArrivedSpan, CorruptLine, SpoolFile
from smile_trace.store.forgetting import Erased, Removal, Run
from smile_trace.store.model_states import Pair
from smile_trace.store.tables import Group, metadata, reservations, spend
from tests.support.spooled import call_span, line, trace_id
from tests.support.store_rows import (
    call_id,
    capture,
    decision,
    deliver,
    explain,
    explanation,
    explanations,
    traces,
)

FILE = SpoolFile("a", 1, 2, 2.0)


def erase(store: Store, *numbers: int, names: tuple[str, ...] = ()) -> tuple[Erased, list[Removal]]:
    ids = [trace_id(number) for number in numbers]
    return store.forgetting.erase(ids, names=names, now=5.0)


def rows(store: Store, text: str) -> set[str]:
    """The tables that have a row in which the text stands."""
    found = set()
    with store.database.read() as connection:
        for name, table in metadata.tables.items():
            if any(text in str(row).lower() for row in connection.execute(select(table))):
                found.add(name)
    return found


def test_every_row_of_a_trace_is_removed(store: Store) -> None:
    capture(store, 1, 2)
    store.sampling.decide([decision(1), decision(2)], {}, now=1.0)
    explain(store, 1)
    store.traces.add(FILE, feedbacks=[Feedback(id="f", trace_id=trace_id(1), score=1.0, at_ns=1)])
    store.responses.used_by(trace_id(1)).put_many({"k": Response(text="x")})
    erased, copies = erase(store, 1)
    assert erased == Erased(traces=1, calls=1, explanations=1, answers=1, feedback=1)
    assert copies == []
    assert rows(store, trace_id(1)) == set()
    assert {"spans", "calls", "traces", "jobs"} <= rows(store, trace_id(2))


SCOPES = (
    f"{call_id(1)}/h/1",
    f"{call_id(1)}/h/1/proxy",
    f"{call_id(1)}/h/1/try 3",
    f"{call_id(1)}/drift 2025-11-27T00:00 7/1/profile",
    f"{call_id(1)}/test/{'a' * 32}",
)


def test_no_id_is_left_where_money_was_spent(store: Store, settings: Settings) -> None:
    capture(store, 1, 2)
    paid: dict[str, Any] = {"model": "m", "calls": 1, "tokens": 30, "usd": 0.004}
    kept = [store.ledger.reserve(explanation=scope, **paid) for scope in SCOPES]
    other = f"{call_id(2)}/h/1"
    store.ledger.reserve(explanation=other, **paid)
    before = store.ledger.spent("explanation", other)
    erase(store, 1)
    assert rows(store, trace_id(1)) == set()
    # What was in flight ends, and what its worker had not heard of yet is asked.
    with Store.open(settings) as again:
        for ledger, reservation in zip([store.ledger, again.ledger] * 2, kept, strict=False):
            ledger.settle(reservation, tokens=20, usd=0.002)
    store.ledger.release(kept[-1], sent=True)
    store.ledger.reserve(explanation=SCOPES[0], **paid)
    pair = Pair(target="m", proxy="p", group=Group("prompt", "n", "1"))
    store.proxy_trusts.add(pair, 0.5, item=SCOPES[0], now=5.0)
    assert rows(store, trace_id(1)) == set()
    assert store.ledger.spent("explanation", other) == before
    assert store.proxy_trusts.values(pair) == []


def test_an_id_that_an_earlier_release_wrote_is_hidden(store: Store) -> None:
    capture(store, 1, 2)
    keys = [*SCOPES, f"test/{call_id(1)}/{'a' * 32}", f"compare/{'b' * 32}/{call_id(1)}"]
    row = {"day": "2026-11-27", "model": "m", "calls": 1, "tokens": 3, "settled": True}
    spent = {"calls": 1, "tokens": 3, "usd": 0.0, "unpriced_calls": 0}
    with store.database.write() as connection:
        for number, key in enumerate(keys):
            values = row | {"id": str(number), "explanation": key}
            connection.execute(insert(reservations).values(values))
        for key in SCOPES:
            connection.execute(insert(spend).values(scope="explanation", key=key, **spent))
    erase(store, 1)
    assert rows(store, trace_id(1)) == set()
    with store.database.read() as connection:
        hidden = connection.execute(select(reservations.c.explanation)).scalars().all()
    assert len(set(hidden)) == len(keys)


def test_what_was_spent_stays(store: Store) -> None:
    capture(store, 1)
    job = f"{call_id(1)}/h/1"
    paid = store.ledger.reserve(model="m", explanation=job, calls=3, tokens=30, usd=0.04)
    store.ledger.settle(paid, tokens=20, usd=0.02)
    before = store.ledger.spent("day", store.ledger.today())
    erase(store, 1)
    assert before.usd == 0.02
    assert store.ledger.spent("day", store.ledger.today()) == before


def test_answers_go_with_every_explanation_that_used_them(store: Store) -> None:
    capture(store, 1, 2)
    one, two = (store.responses.used_by(trace_id(number)) for number in (1, 2))
    one.put_many({"only 1": Response(text="a"), "shared": Response(text="b")})
    two.put_many({"only 2": Response(text="c"), "asked twice": Response(text="d")})
    assert two.get_many(["shared", "unknown"]).keys() == {"shared"}
    one.put_many({"asked twice": Response(text="e")})
    store.responses.put_many({"of nobody": Response(text="f")})
    assert erase(store, 1)[0].answers == 4
    keys = ["only 1", "shared", "only 2", "asked twice", "of nobody"]
    assert store.responses.get_many(keys).keys() == {"only 2"}


def test_an_answer_that_comes_late_is_not_cached(store: Store) -> None:
    capture(store, 1)
    erase(store, 1)
    store.responses.used_by(trace_id(1)).put_many({"k": Response(text="x")})
    assert store.responses.get_many(["k"]) == {}


def test_an_explanation_that_comes_late_is_not_stored(store: Store) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    [job] = store.jobs.due(now=2.0, limit=1)
    store.jobs.start(job, now=2.0)
    assert store.jobs.missing([job.id]) == set()
    assert store.forgetting.runs([trace_id(1)]) == [
        Run(id=job.id, call_id=call_id(1), settings_hash="h", attempt=1, run=1)
    ]
    erase(store, 1)
    assert store.jobs.missing([job.id]) == {job.id}
    store.jobs.explain(job, explanation(), now=3.0)
    store.sampling.decide([decision(1)], {}, now=3.0)
    assert rows(store, trace_id(1)) == set()
    assert explanations(store, "t") == []


def test_what_arrives_late_is_dropped(store: Store) -> None:
    capture(store, 1)
    erase(store, 1)
    late, other = call_span(1, span=7), call_span(2)
    torn = CorruptLine(0, "no JSON", line(late)[:-20])
    added = store.traces.add(
        FILE,
        [ArrivedSpan(span, span.model_dump_json()) for span in (late, other)],
        [Feedback(id="f", trace_id=trace_id(1), score=1.0, at_ns=1)],
        [torn],
    )
    assert added.forgotten == {trace_id(1)}
    assert rows(store, trace_id(1)) == set()
    assert "spans" in rows(store, trace_id(2))


def test_corrupt_lines_go_by_the_id_or_the_name_in_quotes(store: Store) -> None:
    capture(store, 1)
    held = [b"{" + trace_id(1).upper().encode(), b'"al\\u00edce", {', b'"al\xc3\xadce"', b"alice"]
    store.traces.add(FILE, corrupt=[CorruptLine(n, "bad", text) for n, text in enumerate(held)])
    assert erase(store, 1, names=("alíce",))[0].corrupt_lines == 3
    assert rows(store, "alice") == {"corrupt_lines"}


def test_sessions_and_users_are_found_in_spans_and_calls(store: Store) -> None:
    capture(store, 1)
    said: dict[int, dict[str, Any]] = {
        2: {"parent": "00000000000000ff", "user.id": "ann"},  # still growing
        3: {"session.id": "s", "user.id": "bob"},
        4: {"gen_ai.conversation.id": "s"},
        5: {"user.id": 42},
    }
    spans = [call_span(number, **more) for number, more in said.items()]
    store.traces.add(FILE, [ArrivedSpan(span, span.model_dump_json()) for span in spans])
    assert store.forgetting.of_user("ann") == [trace_id(2)]
    assert store.forgetting.of_user("42") == [trace_id(5)]
    assert store.forgetting.of_session("s") == [trace_id(3), trace_id(4)]
    assert store.forgetting.of_user("an") == store.forgetting.of_session("ann") == []


def test_trackers_that_have_or_may_have_a_copy_are_noted(store: Store) -> None:
    store.outbox.add(["got it", "waits"])
    capture(store, 1, 2)
    store.sampling.decide([decision(1)], {}, now=1.0)
    explain(store, 1)
    deliver(store, *traces(store, "got it"))
    traces(store, "waits")
    _, copies = erase(store, 1)
    assert {copy.tracker: copy.trace.traced_as for copy in copies} == {
        "got it": f"there-{trace_id(1)}",
        "waits": None,
    }
    [call] = copies[0].trace.calls
    assert (call.id, call.models) == (call_id(1), ("planted",))
    assert store.forgetting.removals([trace_id(1)]) == copies
    assert store.forgetting.of_trace(trace_id(1)) == [trace_id(1)]
    store.forgetting.not_removed(copies[0], "delete it by hand", by_hand=True)
    store.forgetting.removed(copies[1])
    [left] = store.forgetting.removals()
    assert (left.tracker, left.reason, left.by_hand) == ("got it", "delete it by hand", True)
    assert store.forgetting.removals(tracker="got it") == []
    assert store.forgetting.extent([trace_id(1), trace_id(2)]) == (1, ("got it", "waits"))
    assert [delivery.item for delivery in traces(store, "waits")] == [trace_id(2)]


def test_a_trace_that_was_forgotten_is_still_known_to_be_so(store: Store) -> None:
    capture(store, 1)
    erase(store, 1)
    assert store.forgetting.of_trace(trace_id(1)) == [trace_id(1)]
    assert store.forgetting.of_trace(trace_id(2)) == []
    assert erase(store, 1) == (Erased(), [])
