"""Forgetting: no byte of what was captured, asked, answered and cached is left in the home."""

import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smile_trace import semconv
from smile_trace.errors import SmileTraceError
from smile_trace.settings import Settings
from smile_trace.settings.worker import StoreSettings
from smile_trace.ship.progress import Refusals
from smile_trace.store import Store
from smile_trace.store.queries.exchange import Imported, export_lines, import_lines
from smile_trace.trackers import Tracker
from smile_trace.worker.doctor import examine
from smile_trace.worker.forget import Forgotten, find, forget
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker, ForgetfulTracker
from tests.support.planted import PlantedServer, serving
from tests.support.postgres_server import PostgresServer
from tests.support.spooled import call_span, line, trace_id, write_spool
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import settings_tables, wait_for

MARKER = "zanzibar"
"""In every text of what is forgotten, and in none of the rest."""
OTHER = "lighthouse"


def echo(prompt: str) -> str:
    """An answer that repeats what was asked: every perturbation holds the text, too."""
    return f"you said {prompt}"


@pytest.fixture(scope="module")
def echo_server() -> Iterator[PlantedServer]:
    """A model that repeats what it is asked."""
    with serving(echo) as running:
        yield running


def settings_at(home: Path, echo_server: PlantedServer) -> Settings:
    return Settings(home=home, **settings_tables(echo_server.base_url, {}))


@pytest.fixture
def echoing(tmp_path: Path, echo_server: PlantedServer) -> Settings:
    """Settings with that model, and an empty home."""
    return settings_at(tmp_path / "home", echo_server)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, echo_server: PlantedServer) -> Settings:
    """A home in which two traces to forget and another one are explained and delivered."""
    settings = settings_at(tmp_path_factory.mktemp("finished") / "home", echo_server)
    captured(settings, 1)
    captured(settings, 2)
    captured(settings, 3, OTHER)
    trackers: list[Tracker] = [ForgetfulTracker(), FakeTracker(), FakeTracker("gone")]
    assert run(settings, once=True, trackers=trackers).explained == 3
    return settings


@pytest.fixture
def explained_home(finished: Settings, tmp_path: Path, echo_server: PlantedServer) -> Settings:
    """A copy of it."""
    shutil.copytree(finished.home, tmp_path / "home")
    return settings_at(tmp_path / "home", echo_server)


def captured(settings: Settings, number: int, word: str = MARKER, name: str = "") -> Path:
    """One call whose every text holds the word."""
    prompt = " ".join(f"{word}{number}{part}" for part in ("please", "money", "back", "today"))
    more: dict[str, Any] = {
        semconv.REQUEST_TEMPERATURE: 0.0,
        semconv.USER_ID: f"user of {word}",
        semconv.SESSION_ID: f"session {number} of {word}",
        semconv.METADATA: json.dumps({"note": f"metadata {word}"}),
        semconv.TAGS: json.dumps({"team": f"tag {word}"}),
    }
    span = call_span(number, prompt=prompt, answer=echo(prompt), **more)
    return write_spool(settings.spool, [span], name or f"{number}.jsonl")


def holding(settings: Settings, word: str = MARKER) -> list[str]:
    """The files of the home in which the word stands."""
    return sorted(
        str(path.relative_to(settings.home))
        for path in settings.home.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    )


@contextmanager
def alive(path: Path) -> Iterator[None]:
    """The writer of a spool file lives."""
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def explained(settings: Settings) -> int:
    with Store.open(settings) as store:
        return store.status().explained


def forgotten(settings: Settings, number: int, *trackers: FakeTracker) -> Forgotten:
    return forget(settings, find(settings, trace=trace_id(number)), trackers=list(trackers))


@pytest.mark.slow
def test_nothing_of_what_is_forgotten_is_left_in_any_file(explained_home: Settings) -> None:
    assert holding(explained_home)
    tracker, cannot = ForgetfulTracker(), FakeTracker()
    store = Store.open(explained_home)
    spent = store.status().spent
    exported = [text.encode() for text in export_lines(store.database)]
    one = find(explained_home, session=f"session 1 of {MARKER}")
    assert one.trace_ids == (trace_id(1),)
    for _ in range(2):  # asked again, it says so again
        done = forget(explained_home, one, trackers=[tracker, cannot])
        fake, gone = done.left
        assert fake == (
            f"fake may still have the trace tr-{trace_id(1)}: the tracker fake cannot delete: "
            "delete it there by hand"
        )
        assert gone.startswith(f"gone may still have the trace tr-{trace_id(1)}: it is not active")
    assert [item.traced_as for item in tracker.forgotten] == [f"tr-{trace_id(1)}"]
    both = find(explained_home, user=f"user of {MARKER}")
    assert both.trace_ids == (trace_id(2),)
    done = forget(explained_home, both, trackers=[tracker])
    assert (done.erased.traces, done.erased.calls, done.erased.explanations) == (1, 1, 1)
    assert done.erased.answers > 10
    assert done.copies == {"forgetful": 1}
    assert holding(explained_home) == []
    assert holding(explained_home, OTHER) == ["store.db"]
    status = store.status()
    assert (status.explained, status.spent) == (1, spent), "what was spent stays counted"
    assert spent.calls > 0
    assert import_lines(store.database, exported) == Imported(forgotten=2, known=1)
    store.close()
    assert holding(explained_home) == []
    said = [one for one in examine(explained_home) if "deleted there by hand" in one.said]
    assert {one.level for one in said} == {"note"}


def test_nothing_of_a_trace_is_left_in_any_column(
    echoing: Settings, postgres_server: PostgresServer
) -> None:
    url = postgres_server.new_database()
    shared = echoing.model_copy(update={"store": StoreSettings(url=url)})
    captured(shared, 1)
    captured(shared, 2, OTHER)
    tracker = ForgetfulTracker()
    run(shared, once=True, trackers=[tracker])

    def tables(text: str) -> set[str]:
        database = url.rpartition("/")[2].partition("?")[0]
        names = postgres_server.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')",
            database,
        )
        found = set()
        for schema, name in names:
            table = f'"{schema}"."{name}"'
            rows = postgres_server.execute(f"SELECT t::text FROM {table} AS t", database)
            if any(text in row.lower() for (row,) in rows):
                found.add(name)
        return found

    assert {"spans", "jobs"} <= tables(trace_id(1))
    done = forgotten(shared, 1, tracker)
    assert done.left == ()
    assert tables(trace_id(1)) == tables(MARKER) == set()
    assert {"spans", "jobs"} <= tables(trace_id(2))
    assert holding(shared, trace_id(1)) == []


@pytest.mark.slow
def test_lines_that_arrive_later_are_dropped_and_overwritten(echoing: Settings) -> None:
    path = captured(echoing, 1, name="mixed.jsonl")
    captured(echoing, 2, OTHER, name="mixed.jsonl")
    with alive(path):
        run(echoing, once=True, trackers=[])
        assert "spool/mixed.jsonl" in holding(echoing)
        assert forgotten(echoing, 1).lines == 1
        assert holding(echoing) == []
        write_spool(echoing.spool, [call_span(1, span=5, prompt=f"late {MARKER}")], path.name)
        both = [call_span(1, span=6, prompt=MARKER), call_span(3, prompt=OTHER, answer=OTHER)]
        write_spool(echoing.spool, [], "batch.jsonl").write_bytes(line(*both))
        torn = line(call_span(1, span=7, prompt=MARKER))[:-30] + b"\n"
        with path.open("ab") as stream:
            stream.write(torn)
        run(echoing, once=True, trackers=[])
        assert holding(echoing) == []
    status = run(echoing, once=True, trackers=[])
    assert (status.captured, status.explained, status.corrupt_lines) == (2, 2, 0)


def test_what_no_worker_has_read_is_forgotten_too(echoing: Settings) -> None:
    captured(echoing, 1)
    captured(echoing, 2, OTHER)
    forgotten(echoing, 1)
    assert holding(echoing) == []
    assert run(echoing, once=True, trackers=[]).explained == 1


def test_what_is_not_there_is_said(echoing: Settings) -> None:
    captured(echoing, 1)
    for named, said in (
        ({"trace": trace_id(9)}, r"there is no trace '0+9' here: nothing was"),
        ({"user": "nobody"}, "no trace here belongs to the user 'nobody'"),
        ({"session": "none"}, "no trace here belongs to the session 'none'"),
        ({"trace": "my trace"}, "which has 32 hex digits"),
    ):
        with pytest.raises(SmileTraceError, match=said):
            find(echoing, **named)


@pytest.mark.slow
def test_corrupt_lines_and_files_set_aside_go_too(echoing: Settings) -> None:
    captured(echoing, 1)
    cut_off = line(call_span(1, prompt=f"torn {MARKER}"))[:-30] + b"\n"
    named = b'{"resourceSpans": [{"user": "user of ' + MARKER.encode() + b'", torn\n'
    (echoing.spool / "torn.jsonl").write_bytes(cut_off + named)
    run(echoing, once=True, trackers=[])
    aside = echoing.spool / "refused"
    aside.mkdir()
    (aside / "1-foreign.jsonl").write_bytes(line(call_span(1, prompt=MARKER)))
    (aside / "2-foreign.jsonl").write_bytes(line(call_span(2, prompt=OTHER)))
    (echoing.home / "engine.refused.db").write_text(MARKER)
    Refusals(echoing.home).keep("a", 0, "no", line(call_span(1, prompt=MARKER)))
    done = forget(echoing, find(echoing, user=f"user of {MARKER}"), trackers=[])
    assert holding(echoing) == []
    assert (done.erased.corrupt_lines, done.files) == (2, 3)
    assert [path.name for path in aside.iterdir()] == ["2-foreign.jsonl"]


@pytest.mark.slow
def test_a_tracker_that_is_away_is_asked_again_by_the_worker(explained_home: Settings) -> None:
    tracker = ForgetfulTracker()
    tracker.away = True
    done = forgotten(explained_home, 1, tracker)
    assert done.copies == {}
    [left] = [one for one in done.left if one.startswith("forgetful")]
    assert "it is away; the worker tries it again" in left
    about = [one for one in examine(explained_home) if one.about == "tracker forgetful"]
    [said] = [one for one in about if "may still have 1 forgotten trace" in one.said]
    assert said.level == "bad"
    tracker.away = False
    run(explained_home, once=True, trackers=[tracker])
    assert [item.trace_id for item in tracker.forgotten] == [trace_id(1)]
    assert holding(explained_home, f"{MARKER}1") == []


@pytest.mark.slow
def test_beside_a_worker_that_is_in_the_middle_of_it(tmp_path: Path, at_work) -> None:
    asked, answer = threading.Event(), threading.Event()

    def held(prompt: str) -> str:
        if MARKER in prompt:
            asked.set()
            assert answer.wait(300)
        return echo(prompt)

    with serving(held) as server:
        settings = Settings(home=tmp_path / "home", **settings_tables(server.base_url, {}))
        path, tracker = captured(settings, 1), ForgetfulTracker()
        captured(settings, 2, OTHER)
        with alive(path), at_work(settings, tracker):
            assert asked.wait(300)
            wait_for(lambda: tracker.traces)
            done = forgotten(settings, 1, tracker)
            assert done.left == ()
            assert done.copies == {"forgetful": 1}
            assert holding(settings) == []
            answer.set()
            wait_for(lambda: explained(settings) == 1)
            wait_for(lambda: not server.in_flight)
    assert holding(settings) == []
    assert trace_id(1) not in tracker.explained_traces


@pytest.mark.slow
def test_what_a_killed_worker_left_in_the_engine_is_removed(tmp_path: Path) -> None:
    def slow(prompt: str) -> str:
        time.sleep(0.05)
        return echo(prompt)

    with serving(slow) as server:
        tables = settings_tables(server.base_url, {"budget": {"calls_per_explanation": 400}})
        settings = Settings(home=tmp_path / "home", **tables)
        captured(settings, 1)
        workers = WorkerProcesses(settings.home, tables)
        process = workers.start()
        wait_for(lambda: any("engine.db" in name for name in holding(settings)))
        process.kill()
        process.join()
        workers.close()
        shutil.rmtree(settings.home / "tracker")  # it stands for a server
        forgotten(settings, 1)
        assert holding(settings) == []
        workers.finish()
        assert holding(settings) == []


def test_files_that_are_no_longer_there_do_no_harm(explained_home: Settings) -> None:
    for name in ("engine.db", "engine.db-wal", "engine.db-shm"):
        (explained_home.home / name).unlink(missing_ok=True)
    os.rmdir(explained_home.spool)
    assert forgotten(explained_home, 1, ForgetfulTracker()).erased.traces == 1
