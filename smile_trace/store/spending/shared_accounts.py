"""What was reserved and spent, counted in a shared store by its `procedures`."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from smile_trace.store.column_types import storable
from smile_trace.store.database import TakenOver
from smile_trace.store.postgresql import PostgresDatabase
from smile_trace.store.spending.accounts import UNITS, Entry, Spent
from smile_trace.store.spending.procedures import TAKEN_OVER

_GIVEN = (
    "CAST(:scopes AS text[]), CAST(:keys AS text[]), CAST(:calls AS bigint[]), "
    "CAST(:tokens AS bigint[]), CAST(:usd AS double precision[]), CAST(:unpriced_calls AS bigint[])"
)
_RESERVE = text(
    f"CALL reserve({_GIVEN}, CAST(:cap_calls AS double precision[]), "
    "CAST(:cap_tokens AS double precision[]), CAST(:cap_usd AS double precision[]), "
    "CAST(:by_worker AS bigint), :of_id, :of_day, :of_model, :of_explanation, "
    "CAST(:of_calls AS bigint), CAST(:of_tokens AS bigint), CAST(:of_usd AS double precision), "
    "NULL)"
)
_SETTLE = text(
    f"CALL settle({_GIVEN}, :of_id, :keep, CAST(:to_tokens AS bigint), "
    "CAST(:to_usd AS double precision))"
)


class SharedAccounts:
    """Accounts in a shared store."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def reserve(self, row: Mapping[str, Any], entries: Sequence[Entry]) -> int | None:
        """See `Accounts.reserve`.

        Raises:
            TakenOver: the other workers took this one for dead.
        """
        values = {f"of_{name}": storable(value) for name, value in row.items()}
        caps = {f"cap_{unit}": [_cap(entry, unit) for entry in entries] for unit in UNITS}
        worker = {"by_worker": self._database.worker_id}
        with self._database.calling() as connection:
            called = connection.execute(_RESERVE, {**_columns(entries), **values, **caps, **worker})
            refused: int | None = called.scalar_one()
        if refused == TAKEN_OVER:
            raise TakenOver
        return refused

    def settle(
        self, reservation: str, entries: Sequence[Entry], values: Mapping[str, Any] | None
    ) -> None:
        """See `Accounts.settle`."""
        to = {f"to_{name}": (values or {}).get(name) for name in ("tokens", "usd")}
        which = {"of_id": reservation, "keep": values is not None}
        with self._database.calling() as connection:
            connection.execute(_SETTLE, {**_columns(entries), **which, **to})


def _columns(entries: Sequence[Entry]) -> dict[str, list[Any]]:
    """The entries by column, as the procedures take them."""
    return {
        "scopes": [entry.scope for entry in entries],
        "keys": [storable(entry.key) for entry in entries],
        **{name: [getattr(entry.more, name) for entry in entries] for name in Spent.model_fields},
    }


def _cap(entry: Entry, unit: str) -> float | None:
    """What may stand there; an entry that adds nothing of a unit is stopped by no cap on it."""
    return entry.caps.get(unit) if getattr(entry.more, unit) > 0 else None
