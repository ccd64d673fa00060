"""A home of release 0.1, with a bit of everything in it, is read and finished by this one.

`tests/support/third_schema.py` made it and says what is in it.
"""

import base64
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command

import smile_trace.store.migrations.versions as versions
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.queries.explained import read_explained
from smile_trace.worker.run import run
from tests.support.fake_tracker import FolderTracker
from tests.support.planted import running
from tests.support.release_0_1 import differences
from tests.support.release_0_1_mapping import upgrade
from tests.support.spooled import span_id, trace_id
from tests.support.third_schema import PORT, CountingServer, answer, load, said_of, tables

pytestmark = pytest.mark.xdist_group("the port of the home of release 0.1")

OF_THE_MOMENT = frozenset(
    ("compared_at", "healthy", "next_try", "since", "spent_today", "worker", "home")
)
"""What a home says by the clock, by its place or by who looks."""
ADDED = frozenset(
    (
        "code",
        "max_reply_mb",
        "requests_per_minute",
        "tokens_per_minute",
        "packaged",
        "passages",
        "effects",
        "budget_needed",
        "calls_per_path",
        "calls_per_profile",
        "probes",
        "drift",
        "review",
        "receive",
        "ship",
        "sources",
        "not_replaced",
        "store",
        "workers",
        "lags",
        "spool_filled",
    )
)
"""What is said since: a reason's code beside its sentence, the bound of a server's reply, limits
per minute, which packaged model a local one is; which passages of a version mattered, and what
each edit did; paths, probes, their review and drift, the receiver and what else calls are read
from; explanations that a tracker cannot replace; the store that workers share, and those
workers; how far behind things are, and how full the spool is."""
upgrade_to = command.upgrade
REVISIONS = sorted(path.name[:4] for path in Path(versions.__path__[0]).glob("0*.py"))[3:]
"""Those since 0.1's last one."""
EDITS = [("Be brief.", "Be brief and kind."), ("Never promise money.\n", "")]
"""What a comparison names also where no call tells what it did."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the home is put."""
    return tmp_path / "home"


@pytest.fixture
def before(home: Path) -> dict[str, Any]:
    """The home as the old release left it; what that release said of it."""
    return load(home)


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """The model, where the old home knows it."""
    with running(CountingServer(answer, PORT)) as server:
        yield server


def timeless(value: Any) -> Any:
    """A document without what is of the moment, and without what 0.1 did not say."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in OF_THE_MOMENT | ADDED}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def without_id(line: dict[str, Any]) -> dict[str, Any]:
    """A line of an export without the hash of its content, which 0.1 did not write."""
    assert len(line.pop("id")) == 64
    return line


def finish(home: Path) -> tuple[dict[str, Any], FolderTracker]:
    """One worker of this release; the model that was gone is there again."""
    settings = tables()
    settings["models"]["gone"] = settings["models"]["planted"]
    tracker = FolderTracker(home / "tracker")
    status = run(Settings(home=home, **settings), once=True, trackers=[tracker])
    return status.model_dump(mode="json"), tracker


def test_what_it_said_is_said_still(home: Path, before: dict[str, Any]) -> None:
    found = said_of(home)
    edits = [change.pop("edits") for change in found["comparison"]["changes"]]
    assert [(edit["before"], edit["after"]) for edit in edits[0]] == EDITS
    assert all(change.pop("edits") == [] for change in before["comparison"]["changes"])
    for name in ("settings", "status", "comparison"):
        wanted = timeless(upgrade(before[name], name, said_anew=name == "comparison"))
        assert list(differences(wanted, timeless(found[name]))) == [], name
    wanted = [upgrade(line, "line", said_anew=False) for line in before["export"]]
    assert list(differences(wanted, [without_id(line) for line in found["export"]])) == []
    status = found["status"]
    skipped = {one["code"] for one in status["skipped_by_reason"]}
    assert skipped == {"not_sampled", "not_repeatable", "no_model", "call_failed"}
    assert [one["code"] for one in status["failed_by_reason"]] == ["cannot_explain"]
    assert [one["code"] for one in status["paused_models"]] == ["model_unavailable"]


def test_the_commands_read_it(home: Path, before: dict[str, Any], tmp_path: Path) -> None:
    def told(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "smile_trace", *words],
            env={**os.environ, "SMILE_TRACE_HOME": str(home)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(told("status", "--json"))["captured"] == before["status"]["captured"]
    told("export", str(tmp_path / "lines"))
    lines = (tmp_path / "lines").read_text().splitlines()
    wanted = [upgrade(line, "line", said_anew=False) for line in before["export"]]
    assert list(differences(wanted, [without_id(json.loads(line)) for line in lines])) == []
    assert "0 imported" in told("import", str(tmp_path / "lines"))


@pytest.mark.parametrize("release", ["the same", "another"])
def test_work_in_flight_is_finished(
    release: str,
    home: Path,
    before: dict[str, Any],
    server: CountingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is lost, paid twice or delivered twice, also where the engine's steps are new."""
    if release == "another":
        monkeypatch.setattr("smile_trace.worker.explaining.engine.VERSION", "another")
    was = before["status"]
    assert (was["running"], was["pending"], was["failed"]) == (1, 2, 1)
    assert min(was["reliable"], was["no_effect"], was["unreliable"]) > 0
    status, tracker = finish(home)
    assert status["captured"] == was["captured"] + 1
    assert status["explained"] == was["explained"] + 4
    same = ("failed", "skipped", "corrupt_lines")
    assert [status[name] for name in same] == [was[name] for name in same]
    assert (status["running"], status["pending"], status["paused_models"]) == (0, 0, [])
    assert tracker.visible("explanation") == {f"{trace_id(n)}:{span_id(1)}" for n in range(31, 36)}
    assert len(tracker.deliveries()) == 5 * 2
    assert status["spent"]["calls"] == was["spent"]["calls"] + len(server.bodies)
    assert _calls_of(home, 33) <= tables()["budget"]["calls_per_explanation"]
    asked = len(server.bodies)
    finish(home)
    assert len(server.bodies) == asked


def _calls_of(home: Path, number: int) -> int:
    """Calls to the model for the explanation of one call, both releases'."""
    store = Store.open(Settings(home=home, **tables()))
    with store.database.read() as connection:
        query = (
            "SELECT calls FROM spend WHERE scope = 'explanation' AND "
            f"key LIKE '{trace_id(number)}:%/1'"
        )
        [calls] = connection.exec_driver_sql(query).scalars()
    store.close()
    return int(calls)


def test_credentials_that_it_kept_are_shown_no_more(home: Path, before: dict[str, Any]) -> None:
    """0.1 took addresses with passwords and keys, and kept them in links and sentences."""
    secret, plain = "http://user:hunter2hunter2@host.example/api/", "http://host.example/api/"
    packed, unpacked = (base64.b64encode(text.encode()).decode() for text in (secret, plain))
    places = [("jobs", "reason"), ("deliveries", "reason"), ("trackers", "reason")]
    places += [("paused_models", "reason"), ("observations", "failure")]
    with sqlite3.connect(home / "store.db") as old:
        for table, column in places:
            counted = old.execute(
                f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL"
                f" OR rowid = (SELECT min(rowid) FROM {table})",
                [f"{secret} does not answer"],
            )
            assert counted.rowcount > 0, table
        old.execute("UPDATE deliveries SET url = ?", [f"{secret}?trace_id=1&path={packed}"])
    store = Store.open(Settings(home=home, **tables()))
    with store.database.read() as connection:
        for table, column in places:
            query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL"
            found = connection.exec_driver_sql(query).scalars().all()
            assert found == ["http://[redacted]@host.example/api/ does not answer"], table
    shown = [url for one in read_explained(store.database, since=0.0) for url in one.urls.values()]
    status = store.status().model_dump_json()
    store.close()
    assert set(shown) == {f"{plain}?trace_id=1&path={unpacked}"}
    assert "hunter2" not in status


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_store_of_any_revision_since_is_brought_up_to_date(
    revision: str, home: Path, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a checkout between the releases left it, with what 0.1 wrote."""
    settings = Settings(home=home, **tables())
    with monkeypatch.context() as then:
        then.setattr(command, "upgrade", lambda config, _: upgrade_to(config, revision))
        Store.open(settings).close()
    with sqlite3.connect(home / "store.db") as store:
        assert store.execute("SELECT version_num FROM alembic_version").fetchall() == [(revision,)]
    found = said_of(home)
    assert found["status"]["explained"] == before["status"]["explained"]
    wanted = [upgrade(line, "line", said_anew=False) for line in before["export"]]
    assert list(differences(wanted, [without_id(line) for line in found["export"]])) == []


def test_a_released_migration_never_changes() -> None:
    released = {
        "0001_first.py": "a3b90f05c1b5c549e28bc5591727838a74c075d94dac370d80831e5afbae046c",
        "0002_proxy.py": "0c60af70000576556a858beba48631afd8bd29f4c65b48b3e8345b0d0be24242",
        "0003_sanity_check.py": "fc8fcce865b33f448144ece78fdabf01dcec7423b94c2b43569c8fd4f8d88340",
    }
    for name, digest in released.items():
        content = (Path(versions.__path__[0]) / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
