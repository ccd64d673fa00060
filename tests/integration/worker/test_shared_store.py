"""Workers on a store that they share: PostgreSQL, in place of a file in the home."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError
from smile_trace.store.queries.status import Status
from smile_trace.worker.status import read_home
from tests.support.fake_tracker import FakeTracker
from tests.support.newer_release import newer_release
from tests.support.planted_process import PlantedProcess
from tests.support.postgres_server import PostgresServer
from tests.support.worker_process import WorkerProcesses
from tests.support.worker_settings import (
    capture,
    settings_tables,
    slow_answer,
    wait_for,
)

CALLS = 6


@pytest.mark.slow
def test_an_older_worker_goes_on_beside_a_newer_release(
    configure: Callable[..., Settings], postgres_server: PostgresServer, at_work
) -> None:
    settings, tracker = configure(store={"url": postgres_server.new_database()}), FakeTracker()
    with at_work(settings, tracker):
        capture(settings, 1)
        wait_for(lambda: tracker.explanations)  # it has asked the database everything once
        with newer_release():
            Store.open(settings).close()  # brings the tables on
            capture(settings, 2)
            wait_for(lambda: len(tracker.explanations) == 2)
            assert read_home(settings).explained == 2
    with pytest.raises(StoreError, match=r"upgrade this one .* name another database in \[store\]"):
        Store.open(settings)


class Pair:
    """Two workers on one store, of which the first dies; all calls are in the other one's home.

    Attributes:
        after: how often the model is asked before the first one is killed.
        most: explanations that each has under way at once, at most.
        concurrency: requests that it has in flight for each of them.
    """

    most, concurrency = 2, 4

    def __init__(self, folder: Path, seed: int, url: str, cap: int) -> None:
        self.after = random.Random(seed).randrange(10, 30)
        self.model = PlantedProcess(folder / "model", slow_answer, seed=seed)
        tables = settings_tables(
            self.model.base_url,
            {
                "store": {"url": url},
                "worker": {"concurrent_explanations": self.most},
                "budget": {"calls_per_day": cap, "calls_per_explanation": 20},
            },
        )
        tables["models"]["planted"]["concurrency"] = self.concurrency
        homes = [Settings(home=folder / name, **tables) for name in ("dies", "lives")]
        (folder / "tracker").mkdir()
        for settings in homes:
            settings.home.mkdir()
            (settings.home / "tracker").symlink_to(folder / "tracker")  # one, as a real one is
        self.settings = homes[1]
        self.dying, self.living = (WorkerProcesses(one.home, tables) for one in homes)
        capture(self.settings, *range(1, CALLS + 1))
        self.store = Store.open(self.settings)
        self.status = self.store.status

    def run(self, ended: Callable[[Status], bool]) -> Status:
        """Kill the first in the middle of an explanation, and let the other one go on."""
        self.model.start()
        process = self.dying.start()
        wait_for(lambda: self.status().workers)
        self.living.start()
        wait_for(lambda: self.model.asked > self.after and self.status().workers[0].explaining)
        process.kill()
        wait_for(lambda: ended(self.status()))
        return self.status()

    def close(self) -> None:
        """Kill what still runs."""
        for workers in (self.dying, self.living):
            workers.close()
        self.model.close()
        self.store.close()


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> Iterator[Pair]:
    """Two workers on a new store, with a seed and a cap on the day's requests."""
    seed, cap = request.param
    made = Pair(tmp_path, seed, postgres_server.new_database(), cap)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("pair", [(0, 1000)], indirect=True)
def test_what_a_killed_worker_explained_goes_on_with_another_one(pair: Pair) -> None:
    ended = pair.run(lambda now: now.explained == CALLS)
    asked = Counter(request.text for request in pair.model.requests())
    assert (ended.failed, len(ended.workers)) == (0, 1)
    # What was in flight at the kill, and nothing else, was paid for twice.
    assert sum(count - 1 for count in asked.values()) <= pair.most * pair.concurrency
    assert sum(asked.values()) <= ended.spent.calls
    assert "explanations continue elsewhere" in pair.living.log()


@pytest.mark.slow
@pytest.mark.parametrize("pair", [(1, 70)], indirect=True)
def test_a_cap_is_one_cap_for_all_workers_also_where_one_dies(pair: Pair) -> None:
    ended = pair.run(lambda now: now.spent.calls == 70 and not now.running)
    assert len(pair.model.requests()) <= 70
    assert ended.spent.calls == 70
    assert ended.explained < CALLS
