"""How long a store of millions of calls takes for what people and the worker do often."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.limit.rows import Pair
from benchmarks.scale.fill import NEW, PROMPT, fill
from smile_trace.comparison import compare
from smile_trace.settings import Retention, Settings
from smile_trace.store import Store
from smile_trace.store.retention import apply_retention
from smile_trace.worker.sample import sample
from tests.support.postgres_server import OwnPostgresServer, programs

KEEP = Retention(days=9, response_days=None, corrupt_line_days=None, megabytes=None)
"""A tenth of the calls is older."""
STATUS, SAMPLING, COMPARE = "`status`", f"sampling of {NEW:,} new calls", "`compare`"
RETENTION = "a step of retention"
Times = dict[str, tuple[float, float]]
"""Seconds in queries and in all, by what was done."""


def times(settings: Settings, calls: int) -> Times:
    """Fill a new store with so many calls, and time each; of what can be repeated the median of
    three times."""
    with Store.open(settings) as store:
        fill(store, calls)
        return {
            STATUS: _median(store.status),
            COMPARE: _median(lambda: compare(PROMPT, budget=0, settings=settings)),
            SAMPLING: _timed(lambda: sample(store, settings)),
            RETENTION: _median(lambda: _remove_once(store)),
        }


def of_postgresql(calls: int) -> Times:
    """In a server of its own."""
    with closing(OwnPostgresServer(programs())) as server, TemporaryDirectory() as home:
        return times(Settings(home=Path(home), store={"url": server.new_database()}), calls)


def of_sqlite(calls: int) -> Times:
    """In a file of its own."""
    with TemporaryDirectory() as home:
        return times(Settings(home=Path(home)), calls)


def rows(calls: int = 1_000_000) -> dict[str, Pair]:
    """Seconds in queries in PostgreSQL."""
    return {name: (queries, None) for name, (queries, _) in of_postgresql(calls).items()}


def table(found: dict[str, Times]) -> str:
    """In Markdown, with a column for each store; a file is queried in its process."""
    lines = [f"| seconds | {' | '.join(found)} |", f"|---|{'--:|' * len(found)}"]
    for name in (STATUS, SAMPLING, COMPARE, RETENTION):
        told = (_told(*of[name], apart="PostgreSQL" in where) for where, of in found.items())
        lines.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(lines)


def _told(queries: float, whole: float, *, apart: bool) -> str:
    return f"{queries:.2f} ({whole:.2f})" if apart else f"({whole:.2f})"


def _remove_once(store: Store) -> None:
    steps = iter((False,))
    removed = apply_retention(store.database, KEEP, stopping=lambda: next(steps, True))
    assert removed.traces, "nothing was old"


def _median(work: Callable[[], Any]) -> tuple[float, float]:
    return sorted(_timed(work) for _ in range(3))[1]


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    began = time.perf_counter()
    with _queries() as seconds:
        work()
    return sum(seconds), time.perf_counter() - began


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
