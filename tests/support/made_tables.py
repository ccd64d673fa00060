"""The tables of a new SQLite store, made by the migrations once in a process."""

from collections.abc import Iterator

import pytest
from alembic.config import Config
from sqlalchemy import Connection

from smile_trace.store.sqlite import SQLiteDatabase

_MADE = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
_REVISION = "SELECT version_num FROM alembic_version"


@pytest.fixture(scope="session", autouse=True)
def _migrations_run_once() -> Iterator[None]:
    """From the second store on, the statements that SQLite kept of the first one are executed:
    hundreds of tests open a new store, and running the migrations takes a tenth of a second."""
    upgrade, made = SQLiteDatabase._upgrade, list[str]()

    def remembered(
        self: SQLiteDatabase, connection: Connection, config: Config, current: str | None
    ) -> None:
        if current is not None or not made:
            upgrade(self, connection, config, current)
        else:
            for statement in made:
                connection.exec_driver_sql(statement)
        if current is None and not made:
            [revision] = connection.exec_driver_sql(_REVISION).scalars()
            made.extend(connection.exec_driver_sql(_MADE).scalars())
            made.append(f"INSERT INTO alembic_version VALUES ('{revision}')")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SQLiteDatabase, "_upgrade", remembered)
        yield
