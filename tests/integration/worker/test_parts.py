"""Workers on one store that each do a part of the work."""

from collections.abc import Callable
from typing import Any

import pytest

from smile_trace.settings import Settings
from smile_trace.store import StoreUnavailable
from smile_trace.store.jobs import Job, Jobs
from smile_trace.store.workers import RegisteredWorker
from smile_trace.worker.doctor import examine_fleet
from smile_trace.worker.lock import WorkerError
from smile_trace.worker.run import run
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer
from tests.support.postgres_server import PostgresServer
from tests.support.worker_settings import capture, wait_for

Configure = Callable[..., Settings]


@pytest.mark.slow
def test_one_reads_another_explains_and_a_third_delivers(
    configure: Configure, postgres_server: PostgresServer, server: PlantedServer, at_work
) -> None:
    settings = configure(store={"url": postgres_server.new_database()})
    capture(settings, 1, 2)
    with at_work(settings, roles=["ingest"]) as store:  # on the host of a receiver
        wait_for(lambda: store.status().captured == 2)
        [worker] = store.workers.all()
        assert (worker.roles, worker.capacity) == ("ingest", 0)
    assert not server.bodies
    assert run(settings, once=True, roles=["ingest"]).explained == 0
    assert run(settings, once=True, roles=["explain"], models=["planted"]).explained == 2
    tracker = FakeTracker()
    run(settings, once=True, roles=["deliver"], trackers=[tracker])
    assert len(tracker.explanations) == 2
    assert not list(settings.home.glob("*.db*"))


@pytest.mark.slow
def test_a_model_is_asked_by_who_has_it(
    configure: Configure, postgres_server: PostgresServer, server: PlantedServer
) -> None:
    elsewhere = {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}
    settings = configure(
        store={"url": postgres_server.new_database()},
        models={"planted": {"kind": "endpoint", "base_url": server.base_url}, "gpu": elsewhere},
    )
    capture(settings, 1)
    status = run(settings, once=True, models=["gpu"], trackers=[])
    assert (status.pending, status.failed, server.bodies) == (1, 0, [])
    assert run(settings, once=True, models=["planted"], trackers=[]).explained == 1


@pytest.mark.slow
def test_a_start_whose_answer_was_lost_is_found(
    configure: Configure,
    postgres_server: PostgresServer,
    server: PlantedServer,
    at_work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, lost = Jobs.start, list[Job]()

    def started_but_not_told(jobs: Jobs, job: Job, **how: Any) -> bool:
        done = start(jobs, job, **how)
        if not lost:
            lost.append(job)
            raise StoreUnavailable("the connection was lost")
        return done

    monkeypatch.setattr(Jobs, "start", started_but_not_told)
    settings = configure(store={"url": postgres_server.new_database()})
    capture(settings, 1)
    with at_work(settings) as store:
        wait_for(lambda: store.status().explained == 1)
    assert len(lost) == 1
    assert len(server.bodies) == 20


def test_a_part_needs_others(configure: Configure) -> None:
    with pytest.raises(WorkerError, match=r"set \[store\] url"):
        run(configure(), once=True, roles=["ingest"])
    shared = configure(store={"url": "postgresql://localhost/none"})
    with pytest.raises(WorkerError, match=r"no table \[models.gpu\]"):
        run(shared, once=True, models=["gpu"])


def worker(number: int = 1, **more: object) -> RegisteredWorker:
    """A registered worker."""
    row = {"id": number, "name": f"host-{number}", "host": "host", "release": "1"}
    return RegisteredWorker.model_validate({**row, "capacity": 4, "started_at": 0.0, **more})


@pytest.mark.parametrize(
    ("workers", "ahead", "said"),
    [
        ([worker()], 0.1, ["1 of release 1"]),
        ([worker()], None, []),
        ([worker()], -3600.0, ["this machine is 3,600 s behind", "1 of release 1"]),
        ([worker(clock_ahead=90.0)], 0.0, ["host-1 is 90 s ahead of", "1 of release 1"]),
        ([worker(), worker(2, release="2")], 0.0, ["1 and 2 are running side by side"]),
        ([worker(roles="ingest,explain")], 0.0, ["none has the role deliver"]),
        ([worker(), worker(2, alive=False)], 0.0, ["host-2 has stopped", "1 of release 1"]),
        ([], 0.0, ["none is running"]),
    ],
)
def test_doctor_looks_at_the_fleet(
    workers: list[RegisteredWorker], ahead: float | None, said: list[str]
) -> None:
    found = [finding.said for finding in examine_fleet(workers, ahead)]
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence
