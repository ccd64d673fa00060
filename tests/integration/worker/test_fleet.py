"""Workers that share a store look after each other, and count a model's requests together."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.session import Held, Session
from smile_trace.worker import fleet as fleets
from smile_trace.worker.fleet import SharedFleet, Slots
from smile_trace.worker.metrics import StatusCollector
from tests.support.postgres_server import PostgresServer
from tests.support.store_rows import capture, decision, only
from tests.support.stores import POSTGRESQL, settings_of
from tests.support.worker_settings import wait_for


@pytest.fixture
def settings(tmp_path, request: pytest.FixtureRequest) -> Settings:
    """A home with a shared store."""
    return settings_of(POSTGRESQL, tmp_path / "home", request)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "PING_SECONDS", 0.05)


@contextmanager
def working(settings: Settings) -> Iterator[SharedFleet]:
    """A worker with a store of its own, as in a process of its own."""
    store = Store.open(settings)
    fleet = SharedFleet(store, 4)
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.leave()
        store.close()


def test_one_that_gives_no_sign_of_life_is_struck_off_and_its_work_is_free(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "CONFIRM_SECONDS", 0.2)
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    dead = store.workers.register(4, now=1.0)
    store.jobs.start(only(store.jobs.due(now=2.0, limit=1)), now=2.0, worker_id=dead.id)
    with working(settings) as one, working(settings) as other:
        wait_for(store.jobs.any_ownerless)
        assert [worker.id for worker in store.workers.all()] == [one.me.id, other.me.id]
        assert only(store.jobs.under_way([])).crashes == 1
        one.check()
        other.check()
    assert store.workers.all() == []


def test_the_log_says_which_of_the_workers_this_is_and_what_it_hands_over(
    store: Store, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smile_trace.worker.fleet")
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    with working(settings) as one:
        job = only(store.jobs.due(now=2.0, limit=1))
        store.jobs.start(job, now=2.0, worker_id=one.me.id)
    database = store.database.name
    assert [line.getMessage() for line in caplog.records] == [
        f"it is {one.me.name} among the workers on {database}",
        f"{one.me.name} ends: 1 explanations continue elsewhere",
    ]


def test_nobody_is_struck_off_when_the_database_ends_all_sessions(
    store: Store, settings: Settings, postgres_server: PostgresServer
) -> None:
    ended = (
        "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity "
        f"WHERE datname = '{settings.store.url.rpartition('/')[2]}'"
    )
    with working(settings) as one, working(settings) as other:
        wait_for(lambda: [worker.alive for worker in store.workers.all()] == [True, True])
        assert one.leads("a task")
        postgres_server.execute(ended)
        wait_for(lambda: [worker.alive for worker in store.workers.all()] == [True, True])
        one.check()
        other.check()


def test_a_task_is_one_worker_s_until_that_one_leaves(store: Store, settings: Settings) -> None:
    with working(settings) as other:
        with working(settings) as one:
            assert one.leads("sampling")
            assert one.leads("sampling")
            assert not other.leads("sampling")
            assert other.leads("retention")
            with one.exclusive("dispatch") as ours, other.exclusive("dispatch") as theirs:
                assert (ours, theirs) == (True, False)
        wait_for(lambda: other.leads("sampling"))  # the server hears of the end a moment later


def test_a_wrong_clock_is_corrected_by_the_database_s(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + 3600)
    with working(settings) as wrong, Store.open(settings) as store:
        assert store.clock() == pytest.approx(right(), abs=600)
        assert wrong.me.started_at == pytest.approx(right(), abs=600)
        assert wrong.me.clock_ahead == pytest.approx(3600, abs=600)


def test_the_metrics_of_each_worker_are_told_by_its_labels(
    store: Store, settings: Settings
) -> None:
    capture(store, 1)
    store.sampling.decide([decision(1)], {}, now=1.0)
    with working(settings) as one:
        job = only(store.jobs.due(now=2.0, limit=1))
        store.jobs.start(job, now=2.0, worker_id=one.me.id)
        gone = store.workers.register(4, now=1.0)
        told = {
            metric.name: metric.samples for metric in StatusCollector(store, settings).collect()
        }
    labels = [{"worker": each.name, "host": each.host} for each in (one.me, gone)]
    for name, values in (("alive", [1.0, 0.0]), ("explanations", [1.0, 0.0])):
        samples = [(one.labels, one.value) for one in told[f"smile_trace_worker_{name}"]]
        assert samples == list(zip(labels, values, strict=True))


MOST = 3


@pytest.fixture
def sessions(postgres_server: PostgresServer) -> Iterator[list[Session]]:
    """Those of two workers."""
    database = PostgresDatabase(postgres_server.new_database())
    with ExitStack() as stack:
        yield [stack.enter_context(Session(database)) for _ in range(2)]
    database.close()


def test_two_workers_have_no_more_in_flight_than_one_may(sessions: list[Session]) -> None:
    flying, most, by = 0, 0, [0, 0]

    async def ask(number: int, slots: Slots) -> None:
        nonlocal flying, most
        async with slots.one("m", MOST):
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.02)
            flying -= 1
            by[number] += 1

    async def both() -> None:
        workers = enumerate(map(Slots, sessions))
        await asyncio.gather(*(ask(n, slots) for n, slots in workers for _ in range(12)))

    asyncio.run(both())
    assert (most, by) == (MOST, [12, 12])


def test_several_event_loops_share_the_slots(sessions: list[Session]) -> None:
    """Replays for drift have a loop of their own beside the explanations', a new one each time."""
    slots, flying, most = Slots(sessions[0]), 0, 0
    counting = threading.Lock()

    async def ask() -> None:
        nonlocal flying, most
        async with slots.one("m", MOST):
            with counting:
                flying += 1
                most = max(most, flying)
            await asyncio.sleep(0.01)
            with counting:
                flying -= 1

    async def many() -> None:
        await asyncio.gather(*(ask() for _ in range(4 * MOST)))

    with ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            for ended in [threads.submit(asyncio.run, many()) for _ in range(2)]:
                ended.result()
    assert most == MOST


def test_a_loop_that_ends_while_a_slot_is_taken_keeps_none(
    sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one request of several fails, `asyncio.run` cancels the rest in any state."""
    slots, others = map(Slots, sessions)
    looking, cancelled = threading.Event(), threading.Event()

    def take_slowly(model: str, most: int) -> Held | None:
        looking.set()
        cancelled.wait()
        return Slots._take(slots, model, most)

    async def wait_for_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        tasks = [asyncio.create_task(slots.one("m", 1).__aenter__())]
        await asyncio.to_thread(looking.wait)
        tasks.append(asyncio.create_task(wait_for_the_end()))
        await asyncio.sleep(0)
        raise ValueError("one failed")

    async def take() -> None:
        async with others.one("m", 1):
            pass

    monkeypatch.setattr(slots, "_take", take_slowly)
    with pytest.raises(ValueError, match="one failed"):
        asyncio.run(fail())
    asyncio.run(asyncio.wait_for(take(), 60))


def test_what_a_dead_worker_had_in_flight_is_free(sessions: list[Session]) -> None:
    async def ask() -> None:
        dead, living = map(Slots, sessions)
        held = [dead.one("m", MOST) for _ in range(MOST)]
        for one in held:
            await one.__aenter__()
        waited_for = living.one("m", MOST)
        waiting = asyncio.create_task(waited_for.__aenter__())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        sessions[0].close()
        await waiting

    asyncio.run(ask())


def test_who_is_cut_off_while_waiting_keeps_nothing(sessions: list[Session]) -> None:
    async def ask() -> None:
        slots, others = map(Slots, sessions)
        for wait in (0, 0.001, 0.003, 0.01):
            one = slots.one("m", 1)
            cut = asyncio.create_task(one.__aenter__())
            await asyncio.sleep(wait)
            cut.cancel()
            try:
                await cut
            except asyncio.CancelledError:
                pass
            else:  # it was faster
                await one.__aexit__(None, None, None)
            async with others.one("m", 1):
                pass

    asyncio.run(ask())


def test_a_slot_of_a_session_that_is_over_is_not_given_back_in_the_next(
    sessions: list[Session],
) -> None:
    async def ask() -> None:
        slots, others = map(Slots, sessions)
        before = slots.one("m", 1)
        await before.__aenter__()
        sessions[0].connect()
        async with slots.one("m", 1), slots.one("n", 1):  # models do not wait for each other
            await before.__aexit__(None, None, None)
            assert others._take("m", 1) is None

    asyncio.run(ask())
