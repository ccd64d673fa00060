"""The database of the store: what it lacks, and what the role may not do there."""

from collections.abc import Iterator

from smile_trace._text.lists import listed
from smile_trace.store.database import Database
from smile_trace.store.tables import missing_indexes, missing_tables
from smile_trace.worker.doctor.findings import Finding


def examine_database(database: Database) -> Iterator[Finding]:
    """What is wrong with the database's tables, indexes and rights.

    Raises:
        StoreError: it cannot be read.
    """
    if tables := missing_tables(database):
        said = f"{database.name} lacks the tables {listed(tables)}: bring back a backup of it"
        yield Finding(level="bad", about="tables", said=said)
    for right in database.missing_rights():
        said = f"the role {right}: grant it what docs/operating.md says"
        yield Finding(level="bad", about="permissions", said=said)
    for statement in missing_indexes(database):
        said = f"one is missing, so that looking things up takes long: {statement}"
        yield Finding(level="bad", about="indexes", said=said)
