"""What people, or judges, said of the variants of profiles."""

from collections.abc import Iterable

from sqlalchemy import Table, select

from smile_trace.records.judgement import Judgement, ReviewItem
from smile_trace.store.database import Database
from smile_trace.store.database.sql import upsert
from smile_trace.store.retention import forgotten_among
from smile_trace.store.tables import judgements

Judged = tuple[ReviewItem, Judgement]
"""A variant, and what was said of it."""


class Judgements:
    """Judgements: one of each person about each variant, the last one given.

    They hold no text of a prompt, and stay when retention removes the trace;
    `forget` removes them with it.

    Args:
        database: the store's.
        table: whose they are: people's, or those of judges, which are never mixed.
    """

    def __init__(self, database: Database, table: Table = judgements) -> None:
        self._database = database
        self._table = table

    def keep(self, judged: Iterable[Judged]) -> None:
        """Store judgements, in place of what the same people said before of the same variants.

        Nothing is stored of a trace that was forgotten.
        """
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
        with self._database.read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
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
    """As it stands in the table.

    Raises:
        ValueError: the judgement is about another variant.
    """
    if judgement.variant_id != item.id:
        raise ValueError(f"a judgement of {judgement.variant_id} is not one of {item.id}")
    return item.model_dump(exclude={"id"}) | judgement.model_dump()
