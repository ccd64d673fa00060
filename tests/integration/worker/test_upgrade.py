"""A home that release 0.2 left behind, with work in flight, is read and finished by this one.

`tests/support/release_0_2.py` made it and says what is in it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_trace._options import RENAMED
from smile_trace.comparison import compare
from smile_trace.records import Explanation
from smile_trace.records.verdicts import SMALLEST_EFFECT
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Status
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.planted import FixedServer, running
from tests.support.release_0_2 import BUDGET, PORT, answer, restore, said_of, said_then, tables
from tests.support.spooled import span_id, trace_id

OF_THE_MOMENT = ("lags", "spool_filled", "spent_today", "worker", "healthy")
"""What a home says by the clock, by its place or by who looks."""
RAISED = {"schema_version", "id"}
"""What is another one wherever a record has more in it."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home as release 0.2 left it."""
    home = tmp_path / "home"
    restore(home)
    return home


@pytest.fixture
def server() -> Iterator[FixedServer]:
    """The model, where the old home knows it."""
    with running(FixedServer(answer, PORT)) as server:
        yield server


def finish(home: Path) -> tuple[Status, FolderTracker]:
    """One worker of this release; the model and the tracker that were gone are there again."""
    settings = tables()
    settings["models"]["gone"] = settings["models"]["planted"]
    tracker = FolderTracker(home / "tracker")
    status = run(Settings(home=home, **settings), once=True, trackers=[tracker])
    return status, tracker


def _lasting(status: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in OF_THE_MOMENT}


def _of_then(said: Any, then: Any) -> Any:
    """What is said under the names that release 0.2 had, whatever records have more by now."""
    if isinstance(then, dict):
        names = {name: name if name in said else RENAMED[name] for name in then.keys() - RAISED}
        return {name: _of_then(said[now], then[name]) for name, now in names.items()}
    if isinstance(then, list):
        return [_of_then(*both) for both in zip(said, then, strict=True)]
    return said


def test_what_it_said_is_said_still(home: Path) -> None:
    then, now = said_then(), said_of(home)
    assert _lasting(now["status"]) == {**_lasting(then["status"]), "pooled": 0, "estimated": []}
    assert _of_then(now["export"], then["export"]) == _of_then(then["export"], then["export"])
    shown = [Explanation.model_validate(one["explanation"]) for one in now["export"]]
    assert {s.verdict for s in shown[0].segments} == {"supports", "excluded", "open"}
    assert {s.verdict for s in shown[1].segments} == {"excluded"}, "it has no effect"
    assert {one.settings.smallest_effect for one in shown} == {SMALLEST_EFFECT}


def test_versions_that_it_explained_are_compared(home: Path) -> None:
    found = compare("support", budget=0, settings=Settings(home=home, **tables()))
    assert [(one.version, one.explained) for one in found.versions] == [("1", 1), ("2", 1)]


@pytest.mark.slow
@pytest.mark.parametrize("release", ["the same", "another"])
def test_work_in_flight_is_finished(
    release: str, home: Path, server: FixedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, paid twice or delivered twice, also where the engine's steps are new."""
    if release == "another":
        monkeypatch.setattr("smile_trace.worker.explaining.engine_database.VERSION", "another")
    was = said_then()["status"]
    assert (was["running"], was["pending"], was["unread_files"]) == (1, 2, 1)
    status, tracker = finish(home)
    assert (status.captured, status.explained) == (was["captured"] + 1, was["explained"] + 4)
    assert (status.failed, status.skipped, status.corrupt_lines) == (1, 1, 1)
    assert (status.running, status.pending, status.paused_models) == (0, 0, ())
    calls = {f"{trace_id(number)}:{span_id(1)}" for number in range(31, 36)}
    assert tracker.visible("explanation") == calls
    assert len(tracker.deliveries()) == len(calls) * 2  # with their traces
    assert status.spent.calls == was["spent"]["calls"] + len(server.bodies)
    _check_ledger(home, was["spent"]["calls"] + len(server.bodies))
    asked = len(server.bodies)
    finish(home)
    assert len(server.bodies) == asked


def _check_ledger(home: Path, reserved: int) -> None:
    """No explanation took more than its budget, both releases' calls together."""
    with (
        Store.open(Settings(home=home, **tables())) as store,
        store.database.read() as connection,
    ):
        query = "SELECT calls FROM spend WHERE scope = 'explanation'"
        assert max(row.calls for row in connection.exec_driver_sql(query)) <= BUDGET
        kept = connection.exec_driver_sql("SELECT count(*) FROM responses").scalar_one()
    assert 0 < kept <= reserved
