"""What was reserved and spent, counted in a shared store by its `procedures`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from smile_trace.store.column_types import storable
from smile_trace.store.database import TakenOver
from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.spending.accounts import Entry, Reservation
from smile_trace.store.spending.procedures import TAKEN_OVER

_RESERVE = text(
    "CALL reserve(CAST(:entries AS jsonb), CAST(:reservation AS jsonb), "
    "CAST(:by_worker AS bigint), NULL)"
)
_SETTLE = text(
    "CALL settle(CAST(:entries AS jsonb), :of_id, :keep, CAST(:tokens AS bigint), "
    "CAST(:usd AS double precision))"
)


class SharedAccounts:
    """Accounts in a shared store."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def reserve(self, reservation: Reservation, entries: Sequence[Entry]) -> int | None:
        """See `Accounts.reserve`.

        Raises:
            TakenOver: the other workers took this one for dead.
        """
        row = {name: storable(value) for name, value in reservation._asdict().items()}
        given = {
            "entries": _document(entries),
            "reservation": json.dumps({**row, "settled": False}),
            "by_worker": self._database.worker_id,
        }
        with self._database.calling() as connection:
            called = connection.execute(_RESERVE, given)
            refused: int | None = called.scalar_one()
        if refused == TAKEN_OVER:
            raise TakenOver
        return refused

    def settle(
        self, reservation: str, entries: Sequence[Entry], values: Mapping[str, Any] | None
    ) -> None:
        """See `Accounts.settle`."""
        to = {name: (values or {}).get(name) for name in ("tokens", "usd")}
        which = {"of_id": reservation, "keep": values is not None}
        with self._database.calling() as connection:
            connection.execute(_SETTLE, {"entries": _document(entries), **which, **to})


def _document(entries: Sequence[Entry]) -> str:
    """The entries as the procedures take them: an entry that adds nothing of a unit is stopped by
    no cap on it."""
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
