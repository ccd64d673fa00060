"""What must hold after a run, whatever failed: what the store recorded against what was sent."""

import re
from collections import Counter
from typing import Protocol

from sqlalchemy import select

from smile_trace.records import Record
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Status
from smile_trace.store.tables import calls, spans
from tests.support.chaos.fault_run import CAPS
from tests.support.chaos.schedule import BUDGET
from tests.support.fake_tracker import FolderTracker
from tests.support.planted_process import PlantedProcess

TRUE_REASON = re.compile(
    r"HTTP 4|HTTP 5|connection broke|no answer within|no JSON|not JSON|not an OpenAI"
    r"|without an answer|cap of .* per explanation"
)
"""What the model did to a call that could not be explained."""


class Run(Protocol):
    """What is accounted for: one worker after the other, or a fleet."""

    settings: Settings
    model: PlantedProcess
    tracker: FolderTracker
    interruptions: int
    worker_kills: int
    model_kills: int
    in_flight: int
    """The most requests that an interruption can make be sent again."""

    @property
    def calls(self) -> list[str]:
        """The ids of the captured calls, in order."""

    def log(self) -> str:
        """What the workers wrote."""


class Accounting(Record):
    """The figures of one run."""

    requests: int
    billed: int
    repeated: int
    """Billed answers to a text that had been billed before."""
    lost: int
    """Of the billed answers, those that the model garbled or nobody waited for."""
    interruptions: int
    worker_kills: int
    model_kills: int
    explained: int
    failed: int
    recorded_calls: int
    billed_usd: float
    recorded_usd: float


def check_accounting(fault_run: Run) -> Accounting:
    """Compare what the store recorded with what the model received.

    Raises:
        AssertionError: they do not agree; with the workers' log.
    """
    store = Store.open(fault_run.settings)
    try:
        status = store.status()
        _captured_once(fault_run, store, status)
        _ended(status, len(fault_run.calls))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{fault_run.log()}") from error
    finally:
        store.close()
    asked = fault_run.model.requests()
    billed = Counter(entry.text for entry in asked if entry.billed)
    accounting = Accounting(
        requests=len(asked),
        billed=billed.total(),
        repeated=billed.total() - len(billed),
        lost=sum(entry.billed and (entry.abandoned or entry.fault is not None) for entry in asked),
        interruptions=fault_run.interruptions,
        worker_kills=fault_run.worker_kills,
        model_kills=fault_run.model_kills,
        explained=status.explained,
        failed=status.failed,
        recorded_calls=status.spent.calls,
        billed_usd=sum(entry.usd for entry in asked),
        recorded_usd=status.spent.usd,
    )
    try:
        _paid_once(accounting, fault_run)
        _spend_covers(accounting, status, sum(entry.tokens for entry in asked))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{accounting}\n{fault_run.log()}") from error
    assert "Traceback" not in fault_run.log(), fault_run.log()
    return accounting


def _captured_once(fault_run: Run, store: Store, status: Status) -> None:
    with store.database.read() as connection:
        assert sorted(connection.execute(select(calls.c.id)).scalars()) == fault_run.calls
        found = len(connection.execute(select(spans.c.span_id)).all())
    assert found == status.captured == len(fault_run.calls)
    assert not status.corrupt_lines


def _ended(status: Status, calls: int) -> None:
    assert status.explained + status.failed == calls, status
    for failed in status.failed_by_reason:
        assert TRUE_REASON.search(failed.reason), failed.reason
    assert not status.paused_models


def _paid_once(accounting: Accounting, fault_run: Run) -> None:
    # What was in flight at a kill, and what the model garbled, is all that was asked for twice.
    in_flight = accounting.interruptions * fault_run.in_flight
    assert accounting.repeated <= accounting.lost + in_flight
    assert accounting.billed - accounting.repeated <= len(fault_run.calls) * BUDGET


def _spend_covers(accounting: Accounting, status: Status, tokens: int) -> None:
    assert not status.spent.unpriced_calls
    assert accounting.requests <= status.spent.calls <= CAPS["calls_per_day"]
    assert tokens <= status.spent.tokens <= CAPS["tokens_per_day"]
    assert accounting.billed_usd <= status.spent.usd + 1e-9 <= CAPS["usd_per_day"]


def visible_once(fault_run: Run) -> None:
    """What the folder shows is what the store holds.

    Raises:
        AssertionError: something is missing, or is not the newest.
    """
    tracker, store = fault_run.tracker, Store.open(fault_run.settings)
    try:
        assert tracker.visible("trace") == {call.partition(":")[0] for call in fault_run.calls}
        explained = {call for call in fault_run.calls if store.explanation(call) is not None}
        assert tracker.visible("explanation") == explained, fault_run.log()
        assert len(explained) == store.status().explained
        for call in explained:
            shown = (tracker.folder / f"explanation-{call}.json").read_text()
            explanation = store.explanation(call)
            assert explanation is not None
            assert shown == explanation.model_dump_json()
    finally:
        store.close()
