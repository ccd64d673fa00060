"""How many requests a model has in flight, over all workers of a shared store."""

import asyncio
import random
import weakref
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from smile_trace.store import StoreUnavailable
from smile_trace.store.database.session import REQUESTS, Held, Session

LOOK_SECONDS = 0.05
"""Time between two looks for a free slot, on average: at random, so that no worker has them all."""
MOST = 256
"""The most slots of a model, which `concurrency` has for its limit, too."""


class Slots:
    """For every request in flight a lock of the worker's session, of as many as the model's
    `concurrency`: the database lets go of them when the worker is gone.

    Explanations and replays ask in event loops of their own, which begin and end: nothing here
    belongs to one of them but the order in which its requests wait.

    Where the session is lost, so are its locks: what is in flight at that moment ends beside what
    others begin.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        # One, as the session is: what is let go of before a look is free in it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="slots")
        self._next: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[str, asyncio.Lock]
        ] = weakref.WeakKeyDictionary()

    @asynccontextmanager
    async def one(self, model: str, most: int) -> AsyncIterator[None]:
        """Wait for a slot, and have it inside; in any event loop.

        Args:
            model: its name in the settings.
            most: its `concurrency`.
        """
        here = self._next.setdefault(asyncio.get_running_loop(), {})
        async with here.setdefault(model, asyncio.Lock()):  # one looks, the others wait
            slot = await self._wait(model, most)
        try:
            yield
        finally:
            self._thread.submit(self._let_go, slot)  # not awaited: the loop may be ending

    async def _wait(self, model: str, most: int) -> Held:
        while True:
            taking = self._thread.submit(self._take, model, most)
            try:
                slot = await asyncio.wrap_future(taking)
            except asyncio.CancelledError:
                taking.add_done_callback(self._let_go_late)
                raise
            if slot is not None:
                return slot
            await asyncio.sleep(random.uniform(0, 2 * LOOK_SECONDS))

    def _take(self, model: str, most: int) -> Held | None:
        first = (zlib.crc32(model.encode()) >> 1) & ~(MOST - 1)
        with suppress(StoreUnavailable):  # the fleet makes a new session
            return self._session.hold_one(REQUESTS, first, most)
        return None

    def _let_go(self, slot: Held) -> None:
        with suppress(StoreUnavailable):
            self._session.let_one_go(slot)

    def _let_go_late(self, taking: "Future[Held | None]") -> None:
        """In the thread that took it, since the loop may have ended."""
        if not taking.cancelled() and taking.exception() is None and (slot := taking.result()):
            self._let_go(slot)
