"""Judgements of people, or of judges, on the variants of profiles."""

from collections.abc import Iterable

from sqlalchemy import Table, select

from smile_trace.records.judgement import Judgement, ReviewItem
from smile_trace.store.database import Database
from smile_trace.store.database.sql import upsert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.tables import judgements

Judged = tuple[ReviewItem, Judgement]
"""A variant and a judgement on it."""


class Judgements:
    """The last judgement of each person on each variant. `table` is people's or judges', never
    mixed. They hold no text of a prompt and outlive retention of the trace; `forget` removes them.
    """

    def __init__(self, database: Database, table: Table = judgements) -> None:
        self._database = database
        self._table = table

    def keep(self, judged: Iterable[Judged]) -> None:
        """Store judgements, replacing earlier ones of the same people on the same variants. Stores
        nothing of a forgotten trace."""
        rows = [_row(item, judgement) for item, judgement in judged]
        with self._database.write() as connection:
            gone = forgotten_among(connection, {str(row["trace_id"]) for row in rows})
            for row in rows:
                if row["trace_id"] not in gone:
                    connection.execute(upsert(self._table, row))

    def read(self) -> list[Judged]:
        """All judgements, the oldest first."""
        columns = self._table.c
        query = select(self._table).order_by(
            columns.judged_at, columns.variant_id, columns.reviewer
        )
        rows = [row._asdict() for row in self._database.rows(query)]
        return [
            (
                ReviewItem.model_validate(
                    {"id": row["variant_id"]} | {name: row[name] for name in _OF_ITEM}
                ),
                Judgement.model_validate({name: row[name] for name in Judgement.model_fields}),
            )
            for row in rows
        ]


_OF_ITEM = [name for name in ReviewItem.model_fields if name != "id"]


def _row(item: ReviewItem, judgement: Judgement) -> dict[str, object]:
    """The table's row; raises ValueError for a judgement on another variant."""
    if judgement.variant_id != item.id:
        raise ValueError(f"a judgement of {judgement.variant_id} is not one of {item.id}")
    return item.model_dump(exclude={"id"}) | judgement.model_dump()
