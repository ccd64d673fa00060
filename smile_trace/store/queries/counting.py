"""Counts in a time that does not grow with the store."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, FromClause, Select, Table, func, select

from smile_trace.store.database import Database

MOST = 20_000
"""So many rows are counted one by one."""


class Counting:
    """Counts rows by what a query says of them, as of one moment. Where these are more than `MOST`,
    a random part of the table is counted, and what is rare there may be missing."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self.estimated: set[str] = set()
        """The names of counts that are estimates, of three significant digits."""

    def by(
        self, name: str, table: Table, query: Callable[[FromClause], Select[Any]]
    ) -> Counter[Any]:
        """How often `query`, given the table or a part of it, gives each row; `name` is that of the
        count."""
        counts = self._counts(query(table).limit(MOST + 1))
        if counts.total() <= MOST:
            return counts
        self.estimated.add(name)
        part, times = self._database.random_part(self._connection, table)
        return Counter({row: _rounded(n * times) for row, n in self._counts(query(part)).items()})

    def _counts(self, query: Select[Any]) -> Counter[Any]:
        rows = query.subquery()
        counting = select(*rows.c, func.count()).group_by(*rows.c)
        return Counter({tuple(row[:-1]): row[-1] for row in self._connection.execute(counting)})


def _rounded(number: float) -> int:
    """With three significant digits."""
    unit = 10.0 ** max(0, math.floor(math.log10(number)) - 2)
    return round(round(number / unit) * unit)
