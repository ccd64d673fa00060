"""How long a store of millions of calls takes for what people and the worker do often."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil
from sqlalchemy import Engine, event

from benchmarks.limit.rows import Pair
from benchmarks.scale.fill import NEW, PROMPT, fill
from smile_trace.comparison import compare
from smile_trace.settings import Retention, Settings
from smile_trace.store import Store
from smile_trace.store.outbox_news import Wanted
from smile_trace.store.retention import apply_retention
from smile_trace.worker.delivery.turns import LIMITS, UNEXPLAINED
from smile_trace.worker.sample import sample
from tests.support.postgres_server import OwnPostgresServer, programs

KEEP = Retention(days=9, response_days=None, corrupt_line_days=None, megabytes=None)
"""A tenth of the calls is older."""
STATUS, SAMPLING, COMPARE = "`status`", f"sampling of {NEW:,} new calls", "`compare`"
RETENTION, TURN = "a step of retention", "what is due for a tracker"


class Took(NamedTuple):
    """Seconds by the clock in a server's queries, of its processors, and of this process, which a
    store in a file is a part of."""

    queries: float
    database: float
    here: float


Times = dict[str, Took]
"""By what was done."""


def times(store: Store, settings: Settings, server: psutil.Process | None = None) -> Times:
    """Time each in a filled store; of what can be repeated the median of three times. `server` is
    the database's first process."""

    def took(work: Callable[[], Any]) -> Took:
        before, cpu = _cpu_seconds(server), time.process_time()
        with _queries() as seconds:
            work()
        here = time.process_time() - cpu
        return Took(sum(seconds), _cpu_seconds(server) - before, here)

    def median(work: Callable[[], Any]) -> Took:
        return sorted(took(work) for _ in range(3))[1]

    return {
        STATUS: median(store.status),
        COMPARE: median(lambda: compare(PROMPT, budget=0, settings=settings)),
        SAMPLING: took(lambda: sample(store, settings)),
        TURN: took(lambda: _read_turn(store)),
        RETENTION: median(lambda: _remove_once(store)),
    }


def of_postgresql(calls: int) -> Times:
    """With so many calls, in a server of its own."""
    with closing(OwnPostgresServer(programs())) as server, TemporaryDirectory() as home:
        settings = Settings(home=Path(home), store={"url": server.new_database()})
        with Store.open(settings) as store:
            fill(store, calls)
            return times(store, settings, psutil.Process(server.pid))


def of_sqlite(calls: int) -> Times:
    """With so many calls, in a file of its own."""
    with TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        with Store.open(settings) as store:
            fill(store, calls)
            return times(store, settings)


def rows(calls: int = 1_000_000) -> dict[str, Pair]:
    """Seconds by the clock in PostgreSQL's queries."""
    return {name: (took.queries, None) for name, took in of_postgresql(calls).items()}


def table(found: dict[str, Times]) -> str:
    """In Markdown, with a column for each store; a file is queried in its process."""
    lines = [f"| seconds | {' | '.join(found)} |", f"|---|{'--:|' * len(found)}"]
    for name in (STATUS, SAMPLING, COMPARE, TURN, RETENTION):
        told = (_told(of[name]) for of in found.values())
        lines.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(lines)


def _told(took: Took) -> str:
    if not took.database:
        return f"{took.here:.2f}"
    return f"{took.queries:.2f} ({took.database:.2f} + {took.here:.2f})"


def _cpu_seconds(server: psutil.Process | None) -> float:
    processes = [] if server is None else [server, *server.children()]
    return sum(sum(process.cpu_times()[:4]) for process in processes)  # with those that have ended


def _read_turn(store: Store) -> None:
    now = time.time()
    store.outbox.fill("mlflow", now=now, wanted=Wanted(paths=True, profiles=True, unexplained=True))
    due = store.outbox.due("mlflow", LIMITS | UNEXPLAINED, now=now)
    assert due["trace"], "nothing is due"
    assert due["explanation"], "no news were found"


def _remove_once(store: Store) -> None:
    steps = iter((False,))
    removed = apply_retention(store.database, KEEP, stopping=lambda: next(steps, True))
    assert removed.traces, "nothing was old"


@contextmanager
def _queries() -> Iterator[list[float]]:
    """The seconds of each query of a database inside of the context."""
    seconds: list[float] = []
    begun: list[float] = []

    def begin(*_: object) -> None:
        begun.append(time.perf_counter())

    def end(*_: object) -> None:
        seconds.append(time.perf_counter() - begun.pop())

    events = {"before_cursor_execute": begin, "after_cursor_execute": end}
    for name, heard in events.items():
        event.listen(Engine, name, heard)
    yield seconds
    for name, heard in events.items():
        event.remove(Engine, name, heard)
