"""What a database lacks that this release's tables have."""

from sqlalchemy import inspect
from sqlalchemy.schema import CreateIndex

from smile_trace.store.database import Database
from smile_trace.store.tables import metadata


def missing_tables(database: Database) -> list[str]:
    """The names of the tables that are not there.

    Raises:
        StoreError: the database cannot be read.
    """
    with database.read() as connection:
        there = set(inspect(connection).get_table_names())
    return [table.name for table in metadata.sorted_tables if table.name not in there]


def missing_indexes(database: Database) -> list[str]:
    """The statements that make the indexes which are not there, whatever their names.

    Raises:
        StoreError: the database cannot be read.
    """
    with database.read() as connection:
        found = inspect(connection).get_multi_indexes()
        there = {
            (table, tuple(index["column_names"]))
            for (_, table), indexes in found.items()
            for index in indexes
        }
        return [
            str(CreateIndex(index).compile(dialect=connection.dialect))
            for table in metadata.sorted_tables
            for index in sorted(table.indexes, key=lambda index: str(index.name))
            if (table.name, tuple(column.name for column in index.columns)) not in there
        ]
