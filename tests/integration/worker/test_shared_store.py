"""Workers on a store that they share: PostgreSQL, in place of a file in the home."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store.queries.status import Status
from smile_trace.worker.run import run
from smile_trace.worker.status import read_home
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import PostgresServer
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import (
    WORD,
    capture,
    settings_tables,
    slow_answer,
    wait_for,
)

CALLS = 8


def test_from_the_spool_to_the_tracker(
    configure: Callable[..., Settings], postgres_server: PostgresServer, server: PlantedServer
) -> None:
    settings = configure(store={"url": postgres_server.new_database()})
    tracker = FakeTracker()
    capture(settings, 1, 2)
    status = run(settings, once=True, trackers=[tracker])
    assert (status.captured, status.explained, status.reliable) == (2, 2, 2)
    assert len(tracker.explanations) == 2
    for item in tracker.explanations.values():
        assert item.explanation.ranked[0].text.startswith(WORD)
    assert len(server.bodies) == status.spent.calls == 40
    assert not list(settings.home.glob("*.db*"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_a_killed_worker_explained_goes_on_with_another_one(
    seed: int, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    model = PlantedProcess(tmp_path / "model", slow_answer, seed=seed)
    most, concurrency, cap = 2, 4, 20 * CALLS + 40
    tables = settings_tables(
        model.base_url,
        {
            "store": {"url": postgres_server.new_database()},
            "worker": {"concurrent_explanations": most},
            "budget": {"calls_per_day": cap, "calls_per_explanation": 40},
        },
    )
    tables["models"]["planted"]["concurrency"] = concurrency
    homes = [Settings(home=tmp_path / name, **tables) for name in ("dies", "lives")]
    dying, living = (WorkerProcesses(settings.home, tables) for settings in homes)
    for settings in homes:
        settings.home.mkdir()
    capture(homes[1], *range(1, CALLS + 1))

    def status() -> Status:
        return read_home(homes[1])

    try:
        model.start()
        process = dying.start()
        wait_for(lambda: status().workers)
        living.start()
        after = random.Random(seed).randrange(10, 60)
        wait_for(lambda: model.asked > after and status().workers[0].explaining)
        process.kill()
        wait_for(lambda: status().explained == CALLS)
        ended = status()
        asked = Counter(request.text for request in model.requests())
    finally:
        for workers in (dying, living):
            workers.close()
        model.close()
    assert (ended.failed, len(ended.workers)) == (0, 1)
    # What was in flight at the kill, and nothing else, was paid for twice.
    assert sum(count - 1 for count in asked.values()) <= most * concurrency
    assert sum(asked.values()) <= ended.spent.calls <= cap
    assert "explanations go on elsewhere" in living.log()
