"""A worker's home, and a planted model to ask."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.trackers import Tracker
from smile_trace.worker.run import run
from tests.support.attacked_worker import AttackedWorker
from tests.support.fault_injection import ClockedWorker, Start
from tests.support.planted import PlantedServer, serving
from tests.support.stores import store as store
from tests.support.worker_settings import planted_answer, settings_tables


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    """A model that counts what it is asked."""
    with serving(planted_answer) as running:
        yield running


@pytest.fixture
def attacked(
    tmp_path: Path, server: PlantedServer, request: pytest.FixtureRequest
) -> Iterator[AttackedWorker]:
    """A home to attack; how its worker ended stands in the test's report."""
    made = AttackedWorker(tmp_path, server.base_url)
    yield made
    request.node.user_properties += made.figures().items()


@pytest.fixture
def configure(tmp_path: Path, server: PlantedServer) -> Callable[..., Settings]:
    """Settings in which the planted model is asked; tables are merged into the defaults."""

    def made(**tables: dict[str, Any]) -> Settings:
        return Settings(home=tmp_path / "home", **settings_tables(server.base_url, tables))

    return made


@pytest.fixture
def settings(configure: Callable[..., Settings]) -> Settings:
    """The tests' settings as they are."""
    return configure()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers whose clock the test sets; they are stopped in the end."""
    started: list[ClockedWorker] = []

    def begin(settings: Settings, *trackers: Tracker) -> ClockedWorker:
        started.append(ClockedWorker(settings, *trackers))
        return started[-1]

    yield begin
    for worker in started:
        worker.stop()


@pytest.fixture
def at_work():
    """Lets a worker work in a thread, on a store that it gives; in the end it stops when told."""

    @contextmanager
    def working(settings: Settings, *trackers: Tracker, **how: Any) -> Iterator[Store]:
        stopping = threading.Event()
        how = {"trackers": [*trackers], "stopping": stopping, **how}
        worker = threading.Thread(target=run, args=(settings,), kwargs=how)
        worker.start()
        store = Store.open(settings)
        try:
            yield store
        finally:
            stopping.set()
            worker.join(120)
            store.close()
        assert not worker.is_alive()

    return working
