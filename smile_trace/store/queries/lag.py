"""How far behind things are: for how long the oldest of what waits has done so."""

from collections.abc import Iterator
from typing import Literal, get_args

from sqlalchemy import Connection, func, select

from smile_trace.records import Record
from smile_trace.store.arrivals import LATE_SECONDS, read_places
from smile_trace.store.database import Database
from smile_trace.store.queueing import Kind
from smile_trace.store.tables import deliveries, jobs, trackers

Stage = Literal["read", "explain", "deliver"]


class Lag(Record):
    """For how many `seconds` the oldest of what waits there has done so.

    `stage` is what it waits for: to be read from the source `name` (of a backend: since all that a
    `place` held was read), to be explained by the model `name`, to be delivered to the tracker
    `name`. What is postponed to a later time, or was refused for good, does not wait.
    """

    stage: Stage
    name: str
    place: str = ""
    seconds: float


def read_lags(database: Database, now: float) -> tuple[Lag, ...]:
    """The lags of what waits in the store, and of the backends that are read into it.

    Args:
        database: the store's.
        now: Unix seconds.
    """
    with database.read() as connection:
        return (
            *_places(connection, now),
            *_models(connection, now),
            *_trackers(connection, now),
        )


def _places(connection: Connection, now: float) -> Iterator[Lag]:
    for one in read_places(connection):
        if one.until_ms:  # else nothing of it was ever read
            behind = now - one.until_ms / 1000 - LATE_SECONDS
            yield Lag(stage="read", name=one.source, place=one.place, seconds=max(0.0, behind))


def _models(connection: Connection, now: float) -> Iterator[Lag]:
    """A job that was postponed and is due again, waits since then."""
    due = (jobs.c.state == "pending") & (jobs.c.not_before <= now)
    query = select(func.coalesce(jobs.c.model, ""), func.min(jobs.c.changed_at)).where(due)
    for model, since in connection.execute(query.group_by(jobs.c.model)):
        yield Lag(stage="explain", name=model, seconds=max(0.0, now - since))


def _trackers(connection: Connection, now: float) -> Iterator[Lag]:
    # With its kinds named, the index on what is due gives the waiting ones alone.
    waiting = (
        deliveries.c.tracker.in_(select(trackers.c.name))
        & deliveries.c.kind.in_(get_args(Kind))
        & (deliveries.c.state == "waiting")
    )
    query = select(deliveries.c.tracker, func.min(deliveries.c.created_at)).where(waiting)
    for tracker, since in connection.execute(query.group_by(deliveries.c.tracker)):
        yield Lag(stage="deliver", name=tracker, seconds=max(0.0, now - since))
