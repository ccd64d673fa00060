"""The tables of a new SQLite store, made by the migrations once in a process."""

from collections.abc import Iterator

import pytest
from alembic.config import Config
from sqlalchemy import Connection

from smile_trace.store.database.sqlite import SQLiteDatabase

_MADE = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
_REVISION = "SELECT version_num FROM alembic_version"


@pytest.fixture(scope="session", autouse=True)
def _migrations_run_once() -> Iterator[None]:
    """From the second store on, the statements that SQLite kept of the first one are executed:
    hundreds of tests open a new store, and running the migrations takes a tenth of a second.
    Where a test has other migrations, its stores have those."""
    upgrade, made = SQLiteDatabase._upgrade, dict[str | None, list[str]]()

    def remembered(
        self: SQLiteDatabase, connection: Connection, config: Config, current: str | None
    ) -> None:
        migrations = config.get_main_option("version_locations")
        if current is None and migrations in made:
            for statement in made[migrations]:
                connection.exec_driver_sql(statement)
            return
        upgrade(self, connection, config, current)
        if current is None:
            [revision] = connection.exec_driver_sql(_REVISION).scalars()
            tables = connection.exec_driver_sql(_MADE).scalars()
            made[migrations] = [*tables, f"INSERT INTO alembic_version VALUES ('{revision}')"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SQLiteDatabase, "_upgrade", remembered)
        yield
