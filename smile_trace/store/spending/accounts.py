"""What was reserved and spent, by cap: in a file, under its one lock for writers."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from sqlalchemy import Connection, delete, select, update

from smile_trace.records import Record
from smile_trace.store.database import Database
from smile_trace.store.statements import insert
from smile_trace.store.tables import reservations, spend

UNITS = ("calls", "tokens", "usd")
"""What caps are counted in."""

CapScope = Literal["day", "model", "explanation"]
"""What a cap holds for. The key of a day is its ISO date, of a model "date/name", of an
explanation the `stored_key` of its `BudgetScope`."""


class Spent(Record):
    """What was reserved or spent; `unpriced_calls` are those whose price is unknown."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0


class Reservation(NamedTuple):
    """What was reserved, for which day and model, as a part of which explanation."""

    id: str
    day: str
    model: str
    explanation: str
    calls: int
    tokens: int
    usd: float | None


class Entry(NamedTuple):
    """What of an attempt counts under one cap, and how much may stand there, by unit."""

    scope: CapScope
    key: str
    more: Spent
    caps: Mapping[str, float | None] = {}

    def refused(self, spent: Spent) -> str | None:
        """The unit whose cap would be passed by it; None where there is room."""
        for unit, cap in self.caps.items():
            asked = getattr(self.more, unit)
            if cap is not None and asked > 0 and getattr(spent, unit) + asked > cap:
                return unit
        return None


class Accounts(Protocol):
    """Where reservations are kept, and counted."""

    def reserve(self, reservation: Reservation, entries: Sequence[Entry]) -> int | None:
        """Count a reservation under all of its caps and keep it, or nothing of it.

        Returns:
            None where it is kept; else the index of an entry whose cap would be passed.
        """

    def settle(
        self, reservation: str, entries: Sequence[Entry], values: Mapping[str, Any] | None
    ) -> None:
        """Count a difference, once, and keep the reservation as settled with those values; without
        any it is removed. Nothing happens to one that is settled."""


class FileAccounts:
    """Accounts in a file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, reservation: Reservation, entries: Sequence[Entry]) -> int | None:
        """See `Accounts.reserve`."""
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
        """See `Accounts.settle`."""
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
    """What was spent so far under a cap."""
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
