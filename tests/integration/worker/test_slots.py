"""A model's requests in flight are counted over all workers of a shared store."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.session import Session
from smile_trace.worker.slots import Slots
from tests.support.postgres_server import PostgresServer

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


def test_models_do_not_wait_for_each_other(sessions: list[Session]) -> None:
    async def ask() -> None:
        slots = Slots(sessions[0])
        async with slots.one("m", 1), slots.one("n", 1):
            pass

    asyncio.run(ask())


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
        async with slots.one("m", 1):
            await before.__aexit__(None, None, None)
            assert others._take("m", 1) is None

    asyncio.run(ask())
