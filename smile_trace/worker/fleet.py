"""The workers of one store: alone on a home, or many that share a database.

In a shared database each is registered and holds a lock in its session. Whoever finds another's
lock free twice, `CONFIRM_SECONDS` apart, takes over from it. Once would not do: a restart of the
database frees all locks, and the first to be back would rob the rest. A task that one does for all
belongs to the worker whose session holds the task's lock.
"""

import asyncio
import logging
import random
import threading
import time
import weakref
import zlib
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)

from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.database import TakenOver
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.session import REQUESTS, TASKS, WORKERS, Held, Session
from smile_trace.store.workers import ROLES, RegisteredWorker, Role
from smile_trace.worker.explaining.engine_database import EngineDatabase, EngineFile, EngineSchema

LOOK_SECONDS = 0.05
"""Mean time between two looks for a free slot: random, so that no worker has them all."""
MOST = 256
"""Maximum slots of a model, which also limits `concurrency`."""


class Slots:
    """Locks of the worker's session, one for each request in flight, up to the model's
    `concurrency`: the database releases them when the worker is gone.

    Explanations and replays ask in short-lived event loops of their own; only the order in which
    requests wait belongs to a loop. If the session is lost, so are its locks: requests then in
    flight end beside those that others begin.
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
        """Wait for a slot of a model (its name in the settings), of `most`, and hold it inside; in
        any event loop."""
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
        """Runs in the thread that took it, since the loop may have ended."""
        if not taking.cancelled() and taking.exception() is None and (slot := taking.result()):
            self._let_go(slot)


logger = logging.getLogger(__name__)

PING_SECONDS = 3.0
"""Time between two signs of life, and two looks at the others; the database waits
`session.SILENT_SECONDS` for one."""
CONFIRM_SECONDS = 8.0
"""How long a worker's lock stays free before it counts as dead: more than two signs of life."""


class Fleet:
    """A worker's view of the others: here that of the only one, on a home with a store of its own.
    `capacity` limits concurrent explanations."""

    worker_id: int | None = None
    """The number of this worker; None if it is alone."""

    def __init__(self, capacity: int) -> None:
        self.me = RegisteredWorker(
            id=0, name=EngineFile.executor, host="", release="", capacity=capacity, started_at=0.0
        )

    def leads(self, task: str) -> bool:
        """Whether this worker has a task that one does for all; it keeps the task while it
        lives."""
        return True

    def exclusive(self, task: str) -> AbstractContextManager[bool]:
        """Whether this worker has the task right now, with nobody else inside the context."""
        return nullcontext(True)

    def workers(self) -> list[RegisteredWorker]:
        """All of them, this one included."""
        return [self.me]

    def check(self) -> None:
        """Raise TakenOver if the others took this worker for dead."""

    def expects(self) -> bool:
        """Whether explanations of a worker that seems dead are about to be taken over; its own are
        resumed at its start."""
        return False

    def slot(self, model: str, most: int) -> AbstractAsyncContextManager[None]:
        """The context of a request to a model: at most `most` at once, over all workers. Where
        there is one, the model itself counts its requests in flight."""
        return nullcontext()


class SharedFleet(Fleet):
    """One of many workers. Its session lives in a thread of its own.

    Args:
        store: the store, of which `database` is `PostgresDatabase`.
        capacity: how many explanations it takes at once.
        roles, models: its tasks and models; None for all models.
    """

    def __init__(
        self,
        store: Store,
        capacity: int,
        roles: Collection[Role] = ROLES,
        models: Collection[str] | None = None,
    ) -> None:
        assert isinstance(store.database, PostgresDatabase)
        self._store = store
        self._database = store.database
        self._clock = store.clock
        self._session = Session(self._database)
        self._slots = Slots(self._session)
        self._session.connect()
        self.me = store.workers.register(capacity, now=self._clock(), roles=roles, models=models)
        self.worker_id = self.me.id
        self._led: set[str] = set()
        self._free_since: dict[int, float] = {}
        self._taken_over = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="fleet", daemon=True)

    def start(self) -> None:
        """Take the lock that says that this worker lives, and begin to give signs of life."""
        self._session.hold(WORKERS, self.me.id)
        self._database.worker_id = self.me.id
        self._thread.start()
        logger.info("it is %s among the workers on %s", self.me.name, self._database.name)

    def leads(self, task: str) -> bool:
        """See `Fleet.leads`."""
        if task not in self._led:
            try:
                if not self._session.hold(TASKS, task):
                    return False
            except StoreUnavailable:
                return False
            self._led.add(task)
        return True

    def exclusive(self, task: str) -> AbstractContextManager[bool]:
        """See `Fleet.exclusive`."""
        return self._session.holding(TASKS, task)

    def workers(self) -> list[RegisteredWorker]:
        """See `Fleet.workers`."""
        return self._store.workers.all()

    def check(self) -> None:
        """See `Fleet.check`."""
        if self._taken_over:
            raise TakenOver

    def expects(self) -> bool:
        """See `Fleet.expects`."""
        return bool(self._free_since)

    def slot(self, model: str, most: int) -> AbstractAsyncContextManager[None]:
        """See `Fleet.slot`."""
        return self._slots.one(model, most)

    def leave(self) -> None:
        """Strike this worker off: the others get its unfinished work at once."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(PING_SECONDS)
        try:
            count = self._store.workers.remove(self.me.id, died=False)
            if count is not None:
                logger.info("%s ends: %d explanations continue elsewhere", self.me.name, count)
        except TakenOver:
            pass
        except StoreUnavailable as error:  # they take over what it had
            logger.warning("the other workers could not be told that this one ends: %s", error)
        self._database.worker_id = None
        self._session.close()

    def _live(self) -> None:
        while not self._ended.is_set():
            try:
                self._store.workers.clock.look(self._session.ping)
                self._look()
            except StoreUnavailable as error:
                logger.warning("the session with the other workers was lost: %s", error)
                if not self._return():
                    return
            except Exception:
                logger.exception("the other workers could not be checked; this one continues")
            self._ended.wait(PING_SECONDS)

    def _return(self) -> bool:
        """Get back into the fleet with a new session; False if it ends, or others took over."""
        self._led.clear()  # another one may have them
        self._free_since.clear()  # everybody else was thrown out, too
        while not self._ended.is_set():
            try:
                self._session.connect()
                known = self.me.id in {one.id for one in self._store.workers.all()}
                if not known:
                    self._taken_over = True
                    return False
                if self._session.hold(WORKERS, self.me.id):
                    logger.warning("back among the other workers")
                    return True
            except StoreUnavailable:
                pass
            self._ended.wait(PING_SECONDS / 3)
        return False

    def _look(self) -> None:
        """Look at each of the others, and take over from one whose lock stays free."""
        registered = self._store.workers.all()
        if self.me.id not in {one.id for one in registered}:
            self._taken_over = True
            return
        others = {one.id: one for one in registered if one.id != self.me.id}
        for gone in self._free_since.keys() - others.keys():
            del self._free_since[gone]
        for number, one in others.items():
            if one.alive:
                self._free_since.pop(number, None)
                continue
            since = self._free_since.setdefault(number, time.monotonic())
            if time.monotonic() - since < CONFIRM_SECONDS:
                continue
            count = self._store.workers.remove(number, died=True)
            del self._free_since[number]
            if count is not None:
                logger.warning(
                    "%s is dead: its %d explanations continue elsewhere", one.name, count
                )


@contextmanager
def joining(
    store: Store,
    settings: Settings,
    roles: Collection[Role] = ROLES,
    models: Collection[str] | None = None,
) -> Iterator[tuple[Fleet, EngineDatabase]]:
    """Work on a store, alone or with others, inside the context; raises StoreUnavailable if its
    database cannot be reached."""
    if not isinstance(store.database, PostgresDatabase):
        engine_file = EngineFile(settings.home)
        try:
            yield Fleet(settings.worker.concurrent_explanations), engine_file
        finally:
            engine_file.close()
        return
    most = settings.worker.concurrent_explanations if "explain" in roles else 0
    fleet = SharedFleet(store, most, roles, models)
    engine = EngineSchema(store.database, fleet.me.name)
    try:
        fleet.start()
        yield fleet, engine
    finally:
        fleet.leave()
        engine.close()
