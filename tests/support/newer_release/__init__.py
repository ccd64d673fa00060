"""A release after this one, as far as a store knows it: a migration more, and another name.

Every table has a column more there, and there is a table more: all that `test_database.py` allows
a migration to do. Older workers run on beside it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from alembic.config import Config

from smile_trace.store import migrations

OLD = Path(str(migrations.__file__)).parent / "versions"
NEW = Path(__file__).parent / "migrations"


class NewerConfig(Config):
    """Finds the migration more, too."""

    def __init__(self) -> None:
        super().__init__()
        self.set_main_option("path_separator", "os")
        self.set_main_option("version_locations", os.pathsep.join((str(OLD), str(NEW))))


@contextmanager
def newer_release() -> Iterator[None]:
    """This process is of the newer release inside."""
    with (
        mock.patch("smile_trace.store.migrations.scripts.Config", NewerConfig),
        mock.patch("smile_trace.store.database.newest_revision", return_value="newer"),
        mock.patch("smile_trace.store.workers.own_release", return_value="newer"),
    ):
        yield
