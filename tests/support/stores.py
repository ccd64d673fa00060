"""A store of its own: in a folder, and in a database of PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smile_trace.settings import Settings
from smile_trace.store import Store

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """The defaults, with a home of their own; with both kinds of store where `on_both`."""
    return settings_of(getattr(request, "param", SQLITE), tmp_path / "home", request)


on_both = pytest.mark.parametrize("settings", [SQLITE, POSTGRESQL], indirect=True)
"""For a test of what every store does."""
on_sqlite = pytest.mark.parametrize("settings", [SQLITE], indirect=True)
"""For a test of what only a file has."""
on_postgresql = pytest.mark.parametrize("settings", [POSTGRESQL], indirect=True)
"""For a test of what only a shared database has."""


def settings_of(kind: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    """The defaults with a new store of that kind."""
    if kind == SQLITE:
        return Settings(home=home)
    server = request.getfixturevalue("postgres_server")
    return Settings(home=home, store={"url": server.new_database()})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An open store."""
    with Store.open(settings) as opened:
        yield opened
