"""A home that an older release left behind, with work in flight, is finished by this one.

`tests/data/upgrade` holds a home per released schema as text; `tests/support/first_schema.py`
made the first one and says what is in it.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import smile_trace.store.migrations.versions as versions
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.status import Status
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.first_schema import BUDGET, PORT, answer, tables
from tests.support.paths import DATA
from tests.support.planted import FixedServer, running
from tests.support.spooled import span_id, trace_id

UPGRADE = DATA / "upgrade"
BEFORE = 35
"""Calls that the old home had reserved, the three of its killed workers included."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home as the old release left it."""
    home = tmp_path / "home"
    (home / "spool").mkdir(parents=True)
    for name in ("store", "engine"):
        with sqlite3.connect(home / f"{name}.db") as connection:
            connection.executescript((UPGRADE / "0001" / f"{name}.sql").read_text())
    for path in (UPGRADE / "0001").glob("*.jsonl"):
        (home / "spool" / path.name).write_bytes(path.read_bytes())
    return home


@pytest.fixture
def server() -> Iterator[FixedServer]:
    """The model, where the old home knows it."""
    with running(FixedServer(answer, PORT)) as server:
        yield server


def finish(home: Path) -> tuple[Status, FolderTracker]:
    """One worker of this release; the model that was gone is there again."""
    settings = tables()
    settings["models"]["gone"] = settings["models"]["planted"]
    tracker = FolderTracker(home / "tracker")
    status = run(Settings(home=home, **settings), once=True, trackers=[tracker])
    return status, tracker


def check(status: Status, tracker: FolderTracker, server: FixedServer) -> None:
    """Everything is finished, and nothing was lost, paid twice or delivered twice."""
    assert (status.captured, status.explained, status.skipped) == (7, 6, 1)
    assert (status.failed, status.corrupt_lines, status.paused_models) == (0, 1, ())
    calls = [f"{trace_id(number)}:{span_id(1)}" for number in (2, 3, 4, 5, 8)]
    assert tracker.visible("explanation") == set(calls)
    assert len(tracker.deliveries()) == len(calls) * 2 + 1  # with their traces, and a failed one
    assert status.spent.calls == BEFORE + len(server.bodies)


def test_work_in_flight_is_finished(home: Path, server: FixedServer) -> None:
    status, tracker = finish(home)
    check(status, tracker, server)
    store = Store.open(Settings(home=home, **tables()))
    with store.database.read() as connection:
        query = "SELECT calls FROM spend WHERE scope = 'explanation'"
        assert max(row.calls for row in connection.exec_driver_sql(query)) <= BUDGET
        kept = connection.exec_driver_sql("SELECT count(*) FROM responses").scalar_one()
        orphans = connection.exec_driver_sql(
            "SELECT count(*) FROM reservations WHERE NOT settled"
        ).scalar_one()
    store.close()
    assert (kept, orphans) == (32 + len(server.bodies), 3)
    asked = len(server.bodies)
    finish(home)
    assert len(server.bodies) == asked


def test_the_steps_of_another_release_are_not_waited_for(
    home: Path, server: FixedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smile_trace.worker.explaining.engine.VERSION", "another")
    status, tracker = finish(home)
    check(status, tracker, server)


def test_a_released_migration_never_changes() -> None:
    released = {"0001_first.py": "a3b90f05c1b5c549e28bc5591727838a74c075d94dac370d80831e5afbae046c"}
    for name, digest in released.items():
        content = (Path(versions.__path__[0]) / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
