"""What must hold after a run, whatever went wrong: the store's books against the world's."""

import re
from collections import Counter

from sqlalchemy import select

from smile_trace.records import Record
from smile_trace.store import Store
from smile_trace.store.status import Status
from smile_trace.store.tables import calls, spans
from tests.integration.worker.chaos.arena import CAPS, CONCURRENT, Arena
from tests.integration.worker.chaos.schedule import BUDGET, CALLS

TRUE_REASON = re.compile(
    r"HTTP 4|HTTP 5|connection broke|no answer within|no JSON|not an OpenAI|content filter"
    r"|cap of .* per explanation"
)
"""What the model did to a call that could not be explained."""


class Books(Record):
    """The figures of one run."""

    requests: int
    billed: int
    repeated: int
    """Billed answers to a text that had been billed before."""
    lost: int
    """Of the billed answers, those that the model itself spoiled or nobody waited for."""
    interruptions: int
    worker_kills: int
    model_kills: int
    explained: int
    failed: int
    recorded_calls: int
    billed_usd: float
    recorded_usd: float


def balance(arena: Arena) -> Books:
    """Hold the books against each other.

    Raises:
        AssertionError: they do not balance; with the workers' log.
    """
    store = Store.open(arena.settings)
    try:
        status = store.status()
        _captured_once(arena, store, status)
        _ended(status)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{arena.workers.log()}") from error
    finally:
        store.close()
    asked = arena.model.books()
    billed = Counter(entry.text for entry in asked if entry.billed)
    books = Books(
        requests=len(asked),
        billed=billed.total(),
        repeated=billed.total() - len(billed),
        lost=sum(entry.billed and (entry.gone or entry.spoiled is not None) for entry in asked),
        interruptions=arena.interruptions,
        worker_kills=arena.worker_kills,
        model_kills=arena.model_kills,
        explained=status.explained,
        failed=status.failed,
        recorded_calls=status.spent.calls,
        billed_usd=sum(entry.usd for entry in asked),
        recorded_usd=status.spent.usd,
    )
    try:
        _paid_once(books)
        _spend_covers(books, status, sum(entry.tokens for entry in asked))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{books}\n{arena.workers.log()}") from error
    assert "Traceback" not in arena.workers.log(), arena.workers.log()
    return books


def _captured_once(arena: Arena, store: Store, status: Status) -> None:
    with store.database.read() as connection:
        assert sorted(connection.execute(select(calls.c.id)).scalars()) == arena.calls
        assert len(connection.execute(select(spans.c.span_id)).all()) == CALLS
    assert status.captured == CALLS
    assert not status.corrupt_lines


def _ended(status: Status) -> None:
    assert status.explained + status.failed == CALLS, status
    for failed in status.failed_by_reason:
        assert TRUE_REASON.search(failed.reason), failed.reason
    assert not status.paused_models


def _paid_once(books: Books) -> None:
    # What was in flight at a kill, and what the model spoiled, is all that was asked for twice.
    in_flight = CONCURRENT * CONCURRENT
    assert books.repeated <= books.lost + books.interruptions * in_flight
    assert books.billed - books.repeated <= CALLS * BUDGET


def _spend_covers(books: Books, status: Status, tokens: int) -> None:
    assert not status.spent.unpriced_calls
    assert books.requests <= status.spent.calls <= CAPS["calls_per_day"]
    assert tokens <= status.spent.tokens <= CAPS["tokens_per_day"]
    assert books.billed_usd <= status.spent.usd + 1e-9 <= CAPS["usd_per_day"]


def visible_once(arena: Arena) -> None:
    """What the folder shows is what the store holds.

    Raises:
        AssertionError: something is missing, or is not the newest.
    """
    tracker, store = arena.workers.tracker, Store.open(arena.settings)
    try:
        assert tracker.visible("trace") == {call.partition(":")[0] for call in arena.calls}
        explained = {call for call in arena.calls if store.explanation(call) is not None}
        assert tracker.visible("explanation") == explained, arena.workers.log()
        assert len(explained) == store.status().explained
        for call in explained:
            shown = (tracker.folder / f"explanation-{call}.json").read_text()
            explanation = store.explanation(call)
            assert explanation is not None
            assert shown == explanation.model_dump_json()
    finally:
        store.close()
