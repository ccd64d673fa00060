"""The books: whatever dies and whenever, nothing is lost and nothing is paid for twice.

A planted HTTP model counts what it answers, the real worker is killed, stopped and disturbed by
a seed, the tracker goes away and loses answers on their way. Afterwards every finished call is
stored once, explained or failed with a true reason, and visible once; and the recorded spend
covers the model's own count and stays below the cap.
"""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.planted import PlantedServer, serving
from tests.support.spooled import span_id, trace_id
from tests.support.worker_process import WorkerProcesses
from tests.worker.conftest import merged, says
from tests.worker.test_run import capture

CALLS = 3
BUDGET = 14
CONCURRENT = 2
"""Explanations, and requests of each, in flight at once."""
FAULTS = (
    (429, {"retry-after": "0"}, {"error": {"message": "slow down"}}),
    (500, {}, {"error": {"message": "stumbled"}}),
    (503, {}, b"<html>no JSON</html>"),
    (200, {}, b'{"choices": [{"index": 0, "mess'),
    (0, {}, None),
)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 30))]
)
def test_the_books(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    answered: Counter[str] = Counter()

    def answer(prompt: str) -> str:
        answered[prompt] += 1  # under the interpreter's lock; faults do not come here
        time.sleep(len(prompt) % 5 / 100)
        return says(prompt)

    with serving(answer) as server:
        tables = merged(
            server.base_url,
            {
                "worker": {"concurrent_explanations": CONCURRENT},
                "budget": {"calls_per_explanation": BUDGET, "calls_per_day": 500},
            },
        )
        tables["models"]["planted"] |= {"concurrency": CONCURRENT, "retries": 2}
        settings = Settings(home=tmp_path / "home", **tables)
        workers = WorkerProcesses(settings.home, tables)
        try:
            kills = disturb(draw, settings, server, workers)
            server.faults.clear()
            (workers.tracker.folder / "down").unlink(missing_ok=True)
            wait_out_pauses(settings)
            workers.finish()
        finally:
            workers.close()
        check(settings, server, workers)
    # what was in flight at a kill is all that was asked for twice
    repeated = sum(answered.values()) - len(answered)
    assert repeated <= kills * CONCURRENT * CONCURRENT, answered.most_common(9)


def disturb(
    draw: random.Random, settings: Settings, server: PlantedServer, workers: WorkerProcesses
) -> int:
    """Three calls come in while the worker is killed or stopped; gives the number of kills."""
    kills = 0
    for number in range(1, CALLS + 1):
        capture(settings, number)
        server.faults += [draw.choice((*FAULTS, None, None)) for _ in range(draw.randrange(6))]
        down = workers.tracker.folder / draw.choice(("down", "cut"))
        down.touch()
        asked = len(server.bodies) + draw.randrange(1, BUDGET)
        worker = workers.start()
        deadline = time.monotonic() + draw.uniform(1.0, 4.0)
        while len(server.bodies) < asked and time.monotonic() < deadline:
            time.sleep(0.005)
        if draw.random() < 0.75:
            worker.kill()
            kills += 1
        else:
            worker.terminate()
        worker.join(20)
        assert not worker.is_alive()
        down.unlink(missing_ok=True)
    return kills


def wait_out_pauses(settings: Settings) -> None:
    """As if the time until the next probe had passed."""
    store = Store.open(settings)
    with store.database.write() as connection:
        for table in ("paused_models", "trackers", "deliveries", "jobs"):
            connection.exec_driver_sql(f"UPDATE {table} SET not_before = 0")
    store.close()


def check(settings: Settings, server: PlantedServer, workers: WorkerProcesses) -> None:
    """Hold the store's books against the model's own and against what is visible."""
    store = Store.open(settings)
    status = store.status()
    store.close()
    log = (settings.home / "worker.log").read_text()
    calls = {f"{trace_id(n)}:{span_id(1)}" for n in range(1, CALLS + 1)}
    assert status.captured == CALLS, log
    assert status.explained + status.failed == CALLS, (status, log)
    assert all(reason.reason for reason in status.failed_by_reason)
    assert workers.tracker.visible("trace") == {call.partition(":")[0] for call in calls}
    assert len(workers.tracker.visible("explanation")) == status.explained
    # every request that the model saw was reserved before it was sent
    assert len(server.bodies) <= status.spent.calls <= 500, log
