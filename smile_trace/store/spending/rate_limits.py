"""When the next attempt may be sent to a model, over all processes that share the store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, Float, case, cast, extract, func, literal, update

from smile_trace.store.database import Database
from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.statements import insert
from smile_trace.store.tables import rate_limits


class RateLimits:
    """Attempts at even distances, never two at once: the generic cell rate algorithm (ITU-T I.371,
    appendix I) without a burst, so that no minute, wherever it begins, holds more than the limit.

    Each attempt takes its place in one statement: of many that ask at once each has another.

    Args:
        database: the store's. In PostgreSQL the time is its own, whatever the asking machine's
            clock says.
        clock: Unix seconds, where the store is a file.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def take(self, model: str, unit: str, seconds: float) -> float:
        """Take the next place, and as much time after it.

        Args:
            model: its name in the settings.
            unit: what the limit is counted in.
            seconds: how long the next one has to wait after this one.

        Returns:
            Seconds until this one may be sent; 0 where that is now.
        """
        now, at = self._now(), rate_limits.c.next_at
        first = insert(rate_limits).values(model=model, unit=unit, next_at=now + seconds)
        taken = first.on_conflict_do_update(
            index_elements=["model", "unit"],
            set_={"next_at": case((at > now, at), else_=now) + seconds},
        ).returning(at - seconds - now)
        with self._writing() as connection:
            return max(0.0, float(connection.execute(taken).scalar_one()))

    def return_unused(self, model: str, unit: str, seconds: float) -> None:
        """Let the next ones be so much sooner: less was used than was taken for."""
        mine = (rate_limits.c.model == model) & (rate_limits.c.unit == unit)
        sooner = update(rate_limits).where(mine).values(next_at=rate_limits.c.next_at - seconds)
        with self._writing() as connection:
            connection.execute(sooner)

    def _now(self) -> ColumnElement[float]:
        if isinstance(self._database, PostgresDatabase):
            return cast(extract("epoch", func.clock_timestamp()), Float)
        return literal(self._clock())

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if isinstance(self._database, PostgresDatabase):  # one statement takes no turn with others
            with self._database.calling() as connection:
                yield connection
        else:
            with self._database.write(fenced=False) as connection:
                yield connection
