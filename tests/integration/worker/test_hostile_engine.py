"""A row of the engine's database is data, whatever it says of itself: nothing is executed."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dbos import DBOSPortableJSONSerializer
from dbos import _serialization as serialization

from smile_trace.worker.explaining import engine_rows
from tests.support.hostile_engine import COLUMNS, payload, plant
from tests.support.planted import FixedServer
from tests.support.release_0_2 import PORT, answer, restore, tables
from tests.support.worker_process import WorkerProcesses

IN_FLIGHT = "04dea3cf7ae4c4dba59c4c89718ff9f5"
"""The workflow of the call that release 0.2 was explaining when it was killed."""


@pytest.fixture
def old_model() -> Iterator[FixedServer]:
    """The model, where the home of release 0.2 knows it."""
    server = FixedServer(answer, PORT)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def finish(home: Path) -> WorkerProcesses:
    """The real worker on that home, until everything is done."""
    settings = tables()
    settings["models"]["gone"] = settings["models"]["planted"]
    workers = WorkerProcesses(home, settings)
    workers.finish()
    return workers


def states(home: Path) -> dict[str, int]:
    with closing(sqlite3.connect(home / "store.db")) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state"))


@pytest.mark.slow
@pytest.mark.usefixtures("old_model")
@pytest.mark.parametrize(
    ("table", "column"),
    COLUMNS,
)
def test_a_pickle_is_never_executed_and_everything_is_explained(
    table: str, column: str, tmp_path: Path
) -> None:
    home, marker = tmp_path / "home", tmp_path / "executed"
    restore(home)
    before = states(home)
    plant(home / "engine.db", table, column, IN_FLIGHT, marker)
    finish(home)
    assert not marker.exists()
    after = states(home)
    assert (after.get("running", 0), after.get("pending", 0)) == (0, 0)
    assert after["failed"] == before["failed"]
    assert (home / "engine.refused.db").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("old_model")
def test_what_is_planted_while_the_worker_runs_is_not_executed_either(tmp_path: Path) -> None:
    home, marker = tmp_path / "home", tmp_path / "executed"
    restore(home)
    workers = WorkerProcesses(home, tables())
    worker = workers.start()
    wait_until = time.monotonic() + 120
    while states(home).get("explained", 0) < 7 and time.monotonic() < wait_until:
        time.sleep(0.2)
    with closing(sqlite3.connect(home / "engine.db", timeout=30)) as connection:
        connection.execute(
            "INSERT INTO workflow_status (workflow_uuid, status, name, executor_id,"
            " application_version, application_id, queue_name, serialization, application_name)"
            " VALUES ('planted', 'ENQUEUED', 'explain', 'worker', '1', '',"
            " '_dbos_internal_queue', 'py_pickle', 'smile-trace')"
        )
        connection.execute(
            "INSERT INTO workflow_input (workflow_uuid, inputs) VALUES ('planted', ?)",
            (payload(marker),),
        )
        connection.commit()
    time.sleep(5)
    assert worker.is_alive()
    assert not marker.exists()
    workers.stop(worker)
    workers.close()


def test_no_decoder_of_the_engine_reads_a_pickle(tmp_path: Path) -> None:
    marker, ours = tmp_path / "executed", DBOSPortableJSONSerializer()
    text = payload(marker)
    decoders = (
        serialization.deserialize_value,
        serialization.deserialize_args,
        serialization.deserialize_exception,
    )
    for decode in decoders:
        with pytest.raises(ValueError, match="never read"):
            decode(text, "py_pickle", ours)
    serialization.safe_deserialize(
        ours,
        "py_pickle",
        "a",
        serialized_input=text,
        serialized_output=text,
        serialized_exception=text,
    )
    assert not marker.exists()


def test_what_release_0_2_left_is_read_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    restore(home)
    engine_rows.set_foreign_aside(home / "engine.db", {IN_FLIGHT: 9})
    assert (home / "engine.db").exists()
    assert not (home / "engine.refused.db").exists()
