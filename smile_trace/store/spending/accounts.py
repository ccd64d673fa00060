"""Reservations and spending by cap, and when the next attempt may be sent to a model.

A file counts under the one lock for writers, a shared store in its `procedures`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    case,
    cast,
    delete,
    extract,
    func,
    literal,
    select,
    update,
)

from smile_trace.records import Record
from smile_trace.store.database import Database, OfDatabase, TakenOver
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.sql import insert, storable
from smile_trace.store.spending.procedures import TAKEN_OVER
from smile_trace.store.tables import rate_limits, reservations, spend

UNITS = ("calls", "tokens", "usd")
"""The units of caps."""

CapScope = Literal["day", "model", "explanation"]
"""The scope of a cap. The key of a day is its ISO date, of a model "date/name", of an explanation
the `stored_key` of its `BudgetScope`."""


class Spent(Record):
    """The sum of reservations or spending; `unpriced_calls` are those whose price is unknown."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0


class Reservation(NamedTuple):
    """An amount reserved for a day, a model and an explanation."""

    id: str
    day: str
    model: str
    explanation: str
    calls: int
    tokens: int
    usd: float | None


class Entry(NamedTuple):
    """An attempt's share under one cap, and the caps by unit."""

    scope: CapScope
    key: str
    more: Spent
    caps: Mapping[str, float | None] = {}

    def refused(self, spent: Spent) -> str | None:
        """The unit whose cap it would exceed; None if there is room."""
        for unit, cap in self.caps.items():
            asked = getattr(self.more, unit)
            if cap is not None and asked > 0 and getattr(spent, unit) + asked > cap:
                return unit
        return None


class FileAccounts(OfDatabase):
    """The reservations, and their counts, in a file."""

    def reserve(self, reservation: Reservation, entries: Sequence[Entry]) -> int | None:
        """Keep a reservation and count it under all of its caps, or do nothing and return the index
        of an entry whose cap would be exceeded."""
        with self._database.write() as connection:
            for index, entry in enumerate(entries):
                if entry.refused(read_spent(connection, entry.scope, entry.key)):
                    return index
            for entry in entries:
                _count(connection, entry)
            connection.execute(insert(reservations).values(reservation._asdict()))
        return None

    def settle(
        self, reservation: str, entries: Sequence[Entry], values: Mapping[str, Any] | None
    ) -> None:
        """Count a difference, once, and mark the reservation as settled with those values, or
        remove it without any. A settled one is left alone."""
        open_one = (reservations.c.id == reservation) & reservations.c.settled.is_(False)
        with self._database.write(fenced=False) as connection:
            if values is None:
                ended = connection.execute(delete(reservations).where(open_one))
            else:
                settled = update(reservations).where(open_one).values(settled=True, **values)
                ended = connection.execute(settled)
            if ended.rowcount:
                for entry in entries:
                    _count(connection, entry)


def read_reservation(connection: Connection, reservation: str) -> Reservation | None:
    """A reservation that is neither settled nor removed."""
    columns = [reservations.c[name] for name in Reservation._fields]
    query = select(*columns).where(
        reservations.c.id == reservation, reservations.c.settled.is_(False)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Reservation(*row)


def read_spent(connection: Connection, scope: str, key: str) -> Spent:
    """The sum spent so far under a cap."""
    query = select(spend).where(spend.c.scope == scope, spend.c.key == key)
    row = connection.execute(query).one_or_none()
    if row is None:
        return Spent()
    return Spent(calls=row.calls, tokens=row.tokens, usd=row.usd, unpriced_calls=row.unpriced_calls)


def _count(connection: Connection, entry: Entry) -> None:
    statement = insert(spend).values(scope=entry.scope, key=entry.key, **entry.more.model_dump())
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["scope", "key"],
            set_={name: spend.c[name] + statement.excluded[name] for name in Spent.model_fields},
        )
    )


_RESERVE = "CALL reserve(%s::jsonb, %s::jsonb, %s::bigint, NULL)"
_SETTLE = "CALL settle(%s::jsonb, %s, %s, %s::bigint, %s::double precision)"


class SharedAccounts:
    """The same in a shared store."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def reserve(self, reservation: Reservation, entries: Sequence[Entry]) -> int | None:
        """See `FileAccounts.reserve`; raises TakenOver if other workers took this one for dead."""
        row = {name: storable(value) for name, value in reservation._asdict().items()}
        made = json.dumps({**row, "settled": False})
        refused: int | None = self._database.call(
            _RESERVE, (_document(entries), made, self._database.worker_id)
        )
        if refused == TAKEN_OVER:
            raise TakenOver
        return refused

    def settle(
        self, reservation: str, entries: Sequence[Entry], values: Mapping[str, Any] | None
    ) -> None:
        """See `FileAccounts.settle`."""
        tokens, usd = ((values or {}).get(name) for name in ("tokens", "usd"))
        keep = values is not None
        self._database.call(_SETTLE, (_document(entries), reservation, keep, tokens, usd))


def _document(entries: Sequence[Entry]) -> str:
    """The entries for the procedures; an entry that adds nothing of a unit ignores the cap on
    it."""
    return json.dumps(
        [
            {
                "scope": entry.scope,
                "key": storable(entry.key),
                **entry.more.__dict__,
                **{
                    f"cap_{unit}": cap
                    for unit, cap in entry.caps.items()
                    if getattr(entry.more, unit) > 0
                },
            }
            for entry in entries
        ]
    )


class RateLimits:
    """Attempts at even distances, never two at once: the generic cell rate algorithm (ITU-T I.371,
    appendix I) without a burst, so that no minute, wherever it begins, holds more than the limit.

    Each attempt takes its place in one statement, so that concurrent ones get different places. In
    PostgreSQL the time is the database's; `clock` (Unix seconds) serves a file.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def take(self, model: str, unit: str, seconds: float) -> float:
        """Take the next place for a model (its name in the settings), and block the `seconds` after
        it. Returns the seconds until the attempt may be sent; 0 for now."""
        now, at = self._now(), rate_limits.c.next_at
        first = insert(rate_limits).values(model=model, unit=unit, next_at=now + seconds)
        taken = first.on_conflict_do_update(
            index_elements=["model", "unit"],
            set_={"next_at": case((at > now, at), else_=now) + seconds},
        ).returning(at - seconds - now)
        with self._writing() as connection:
            return max(0.0, float(connection.execute(taken).scalar_one()))

    def return_unused(self, model: str, unit: str, seconds: float) -> None:
        """Bring the next places forward: less was used than was taken for."""
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
